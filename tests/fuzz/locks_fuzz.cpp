#include "held_lock.hpp"
#include "proc_text.hpp"
#include "target.hpp"
#include "words.hpp"

// /proc/locks, and the `lock:` lines of fdinfo.

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace ginnel;
  const std::string_view text = fuzz::text_of(bytes, size);
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view line = inventory::take_line(rest);
    if (const auto lock = inventory::parse_lock_line(line)) {
      fuzz::insist(fuzz::is_within(lock->kind, text) && fuzz::is_within(lock->mode, text));
      fuzz::insist(!lock->pid || *lock->pid > 0);
    }
    static_cast<void>(parse_held_lock(std::string{line}));
  }
  return 0;
}
