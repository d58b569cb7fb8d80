#include "hidden_processes.hpp"
#include "target.hpp"
#include "words.hpp"

// Whether /proc hides processes: /proc/self/mountinfo and /proc/self/status, with a byte 0 between them.

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace ginnel;
  std::string_view status = fuzz::text_of(bytes, size);
  const std::string_view mounts = inventory::take_until(status, '\0');
  static_cast<void>(inventory::hides_processes(mounts, status));
  return 0;
}
