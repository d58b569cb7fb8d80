#include <cerrno>

#include "ginnel/msg/queue.hpp"
#include "home.hpp"
#include "queue_file.hpp"

namespace ginnel {

Result<Outcome<Done, NotFound>> remove_queue(const std::string& name, const std::string& home) {
  const std::string address = "queue:" + name;
  const auto place = detail::open_home(home);
  if (!place) return std::unexpected{place.error()};
  const auto folder = detail::open_object_folder(*place, "queue", name, false);
  if (!folder && folder.error().code() == ENOENT) return NotFound{};
  if (!folder) return std::unexpected{folder.error()};
  const auto alone = detail::lock_object_folder(*folder, address, LockMode::exclusive);
  if (!alone && alone.error().code() == ENOENT) return NotFound{};
  if (!alone) return std::unexpected{alone.error()};
  auto file = folder->open_file(detail::queue_file_name, FileAccess::read_write);
  if (!file && file.error().code() != ENOENT) return std::unexpected{file.error()};
  if (file) {
    // While nobody can join, it goes; whoever has it open already notices when it has joined.
    auto locks = detail::QueueLocks{std::move(*file)};
    const auto all = locks.lock_all();
    if (!all) return std::unexpected{all.error()};
    if (!*all) {
      const std::uint32_t count = locks.count_others();
      return std::unexpected{Error{
          EBUSY, "remove", address,
          std::to_string(count) + (count == 1 ? " participant uses it" : " participants use it") + ": end them first"}};
    }
    const auto removed = folder->remove_if_same(detail::queue_file_name, locks.descriptor());
    if (!removed) return std::unexpected{removed.error()};
  }
  // Whoever came meanwhile, to a folder that somebody else had put in its place, keeps that one.
  if (auto removed = place->remove_folder(detail::object_folder_name("queue", name)); !removed)
    return std::unexpected{removed.error()};
  return Done{};
}

}  // namespace ginnel
