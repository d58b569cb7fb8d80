#include "home.hpp"

#include <cerrno>
#include <chrono>
#include <cstdlib>

#include "ginnel/core/process_id.hpp"

namespace ginnel::detail {
namespace {

constexpr std::size_t name_max = 80;  // bytes: three times as many with every one escaped, and the kind before it
constexpr unsigned execute_bits = 0111;
/// To come takes a few system calls, and so does to remove.
constexpr std::chrono::seconds longest_lock{5};

Result<void> check_name(const std::string& kind, const std::string& name) {
  const std::string object = kind + ":" + name;
  if (name.empty()) return std::unexpected{Error{EINVAL, "open", object, "a name has at least one byte"}};
  if (name.size() > name_max)
    return std::unexpected{
        Error{ENAMETOOLONG, "open", object,
              "a name has at most " + std::to_string(name_max) + " bytes, not " + std::to_string(name.size())}};
  for (const char c : name)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      return std::unexpected{Error{EINVAL, "open", object, "a name has no control characters"}};
  return {};
}

std::string escaped(const std::string& name) {
  std::string text;
  for (const char c : name) {
    if (c == '/')
      text += "%2F";
    else if (c == '%')
      text += "%25";
    else
      text += c;
  }
  return text;
}

}  // namespace

Result<SharedFolder> open_home(const std::string& asked) {
  constexpr unsigned by_its_maker = 0777;  // whatever rights it has, they were chosen
  if (!asked.empty()) return SharedFolder::open(asked, by_its_maker);
  if (const char* const home = std::getenv("GINNEL_HOME"); home != nullptr && *home != '\0')
    return SharedFolder::open_or_create(home);
  return SharedFolder::open_or_create("/dev/shm/ginnel-" + std::to_string(effective_user()));
}

Result<SharedFolder> open_object_folder(const SharedFolder& home, const std::string& kind, const std::string& name,
                                        bool create) {
  if (auto good = check_name(kind, name); !good) return std::unexpected{good.error()};
  const auto status = file_status(home.descriptor());
  if (!status) return std::unexpected{status.error()};
  const std::string folder = object_folder_name(kind, name);
  if (create) return home.open_or_create_below(folder, status->mode);
  auto opened = home.open_below(folder, status->mode);
  if (!opened && opened.error().code() == ENOENT)
    return std::unexpected{Error{ENOENT, "open", kind + ":" + name, "nobody has made it in " + home.path()}};
  return opened;
}

Result<FileLock> lock_object_folder(const SharedFolder& folder, const std::string& address, LockMode mode) {
  // By a description of its own, which is closed with the lock; the path may be another folder's by now.
  const std::string same = "/proc/self/fd/" + std::to_string(folder.descriptor());
  auto lock = FileLock::acquire(same, mode, Deadline::after(longest_lock));
  if (!lock) return std::unexpected{std::move(lock.error()).with_object(address)};
  if (!lock->is<FileLock>())
    return std::unexpected{Error{EBUSY, "lock", address, "somebody is just coming to it, or removing it"}};
  const auto status = file_status(folder.descriptor());
  if (!status) return std::unexpected{status.error()};
  if (status->links == 0) return std::unexpected{Error{ENOENT, "open", address, "it was removed at this very moment"}};
  return std::move(lock->as<FileLock>());
}

std::string object_folder_name(const std::string& kind, const std::string& name) { return kind + ":" + escaped(name); }

Result<unsigned> file_mode_in(const SharedFolder& folder) {
  const auto status = file_status(folder.descriptor());
  if (!status) return std::unexpected{status.error()};
  return status->mode & 0777U & ~execute_bits;
}

}  // namespace ginnel::detail
