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
  auto held = detail::hold_object("topic", name, home, detail::Purpose::remove);
  if (!held && held.error().code() == ENOENT) return NotFound{};
  if (!held) return std::unexpected{held.error()};
  const auto topic = detail::TopicFolder::open(std::move(held->folder), held->address);
  if (!topic) return std::unexpected{topic.error()};
  topic->clean_up();
  const auto users = topic->users();
  if (!users) return std::unexpected{users.error()};
  const auto [writers, readers] = *users;
  if (writers + readers > 0)
    return std::unexpected{
        Error{EBUSY, "remove", topic->address(),
              count_of(writers, "writer") + " and " + count_of(readers, "reader") + " use it: end them first"}};
  if (auto removed = topic->folder().remove("bell"); !removed) return std::unexpected{removed.error()};
  if (auto removed = detail::remove_folder(*held); !removed) return std::unexpected{removed.error()};
  return Done{};
}

}  // namespace ginnel
