#include <cerrno>
#include <vector>

#include "bell_folder.hpp"
#include "ginnel/msg/latest.hpp"
#include "home.hpp"
#include "latest_file.hpp"

namespace ginnel {
namespace {

using namespace detail;

/// Errors: EBUSY.
Result<void> check_unused(const BellFolder& folder) {
  std::vector<ReaderView> readers;
  folder.remove_dead_readers(readers);
  const auto value = view_value(folder, nullptr);
  const bool is_written = value && *value && !(*value)->writer_is_gone();
  if (readers.empty() && !is_written) return {};
  std::string users = is_written ? "its writer" : "";
  if (!readers.empty())
    users +=
        (is_written ? " and " : "") + std::to_string(readers.size()) + (readers.size() == 1 ? " reader" : " readers");
  const bool is_one = (is_written ? 1 : 0) + readers.size() == 1;
  return std::unexpected{
      Error{EBUSY, "remove", folder.address(), users + (is_one ? " uses it" : " use it") + ": end them first"}};
}

}  // namespace

Result<Outcome<Done, NotFound>> remove_latest(const std::string& name, const std::string& home) {
  const auto place = open_home(home);
  if (!place) return std::unexpected{place.error()};
  {
    const auto there = open_object_folder(*place, "latest", name, false);
    if (!there && there.error().code() == ENOENT) return NotFound{};
    if (!there) return std::unexpected{there.error()};
    const auto folder = BellFolder::open("latest", home, name);
    if (!folder) return std::unexpected{folder.error()};
    const auto existence = folder->lock_existence(LockMode::exclusive);
    if (!existence) return std::unexpected{existence.error()};
    if (auto unused = check_unused(*folder); !unused) return std::unexpected{unused.error()};
    for (const std::string& file :
         {std::string{value_file_name}, std::string{value_file_name} + ".new", std::string{"bell"}})
      if (auto removed = folder->folder().remove(file); !removed && removed.error().code() != ENOENT)
        return std::unexpected{removed.error()};
  }
  // Whoever came since has made a new one there, and keeps the folder so.
  if (auto removed = place->remove_folder(object_folder_name("latest", name)); !removed)
    return std::unexpected{removed.error()};
  return Done{};
}

}  // namespace ginnel
