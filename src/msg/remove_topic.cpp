#include <cerrno>

#include "ginnel/msg/topic.hpp"
#include "home.hpp"
#include "topic_folder.hpp"

namespace ginnel {
namespace {

std::string count_of(std::size_t count, const std::string& what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

}  // namespace

Result<Outcome<Done, NotFound>> remove_topic(const std::string& name, const std::string& home) {
  const auto place = detail::open_home(home);
  if (!place) return std::unexpected{place.error()};
  {
    const auto folder = detail::open_object_folder(*place, "topic", name, false);
    if (!folder && folder.error().code() == ENOENT) return NotFound{};
    if (!folder) return std::unexpected{folder.error()};
    const auto topic = detail::TopicFolder::open(home, name);
    if (!topic) return std::unexpected{topic.error()};
    topic->clean_up();
    const auto existence = topic->lock_existence(LockMode::exclusive);
    if (!existence) return std::unexpected{existence.error()};
    const auto [writers, readers] = topic->users();
    if (writers + readers > 0)
      return std::unexpected{
          Error{EBUSY, "remove", topic->address(),
                count_of(writers, "writer") + " and " + count_of(readers, "reader") + " use it: end them first"}};
    if (auto removed = topic->folder().remove("bell"); !removed) return std::unexpected{removed.error()};
  }
  // Whoever came since has made a new one there, and keeps the folder so.
  if (auto removed = place->remove_folder(detail::object_folder_name("topic", name)); !removed)
    return std::unexpected{removed.error()};
  return Done{};
}

}  // namespace ginnel
