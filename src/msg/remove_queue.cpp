#include <cerrno>

#include "ginnel/msg/queue.hpp"
#include "home.hpp"
#include "queue_file.hpp"

namespace ginnel {

Result<Outcome<Done, NotFound>> remove_queue(const std::string& name, const std::string& home) {
  const auto held = detail::hold_object("queue", name, home, detail::Purpose::remove);
  if (!held && held.error().code() == ENOENT) return NotFound{};
  if (!held) return std::unexpected{held.error()};
  auto file = held->folder.open_file(detail::queue_file_name, FileAccess::read_write);
  if (!file && file.error().code() != ENOENT) return std::unexpected{file.error()};
  if (file) {
    const std::uint32_t count = detail::QueueLocks{std::move(*file)}.count_others();
    if (count > 0)
      return std::unexpected{Error{
          EBUSY, "remove", held->address,
          std::to_string(count) + (count == 1 ? " participant uses it" : " participants use it") + ": end them first"}};
    if (auto removed = held->folder.remove(detail::queue_file_name); !removed) return std::unexpected{removed.error()};
  }
  if (auto removed = detail::remove_folder(*held); !removed) return std::unexpected{removed.error()};
  return Done{};
}

}  // namespace ginnel
