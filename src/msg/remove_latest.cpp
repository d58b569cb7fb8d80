#include <cerrno>
#include <vector>

#include "bell_folder.hpp"
#include "ginnel/msg/latest.hpp"
#include "home.hpp"
#include "latest_file.hpp"

namespace ginnel {
namespace {

using namespace detail;

/// Errors: EBUSY; EMFILE, ENFILE, ENOMEM: who uses it could not be looked at.
Result<void> check_unused(const BellFolder& folder) {
  std::vector<ReaderView> readers;
  if (auto looked = folder.remove_dead_readers(readers); !looked) return std::unexpected{looked.error()};
  const auto value = view_value(folder, nullptr);
  if (!value && is_want(value.error())) return std::unexpected{value.error()};
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
  auto held = hold_object("latest", name, home, Purpose::remove);
  if (!held && held.error().code() == ENOENT) return NotFound{};
  if (!held) return std::unexpected{held.error()};
  const auto folder = BellFolder::open(std::move(held->folder), held->address);
  if (!folder) return std::unexpected{folder.error()};
  if (auto unused = check_unused(*folder); !unused) return std::unexpected{unused.error()};
  for (const std::string& file :
       {std::string{value_file_name}, std::string{value_file_name} + ".new", std::string{"bell"}})
    if (auto removed = folder->folder().remove(file); !removed && removed.error().code() != ENOENT)
      return std::unexpected{removed.error()};
  if (auto removed = remove_folder(*held); !removed) return std::unexpected{removed.error()};
  return Done{};
}

}  // namespace ginnel
