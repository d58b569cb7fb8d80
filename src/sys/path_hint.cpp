#include "path_hint.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <utility>

namespace ginnel {
namespace {

std::string folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string uid_text(uid_t uid) { return "uid " + std::to_string(uid); }

std::string owner_and_mode(const struct stat& status) {
  std::array<char, 8> mode{};
  std::snprintf(mode.data(), mode.size(), "%04o", static_cast<unsigned>(status.st_mode & 07777U));
  return "belongs to " + uid_text(status.st_uid) + " and has mode " + mode.data();
}

std::string no_access_hint(const std::string& path) {
  const std::string ours = uid_text(::geteuid());
  struct stat status{};
  if (::lstat(path.c_str(), &status) == 0) return "it " + owner_and_mode(status) + ", and this process is " + ours;
  const std::string folder = folder_of(path);
  if (errno == ENOENT && ::stat(folder.c_str(), &status) == 0)
    return "its directory, " + folder + ", " + owner_and_mode(status) + ", and this process, " + ours +
           ", may make nothing there";
  return "a directory on the way to it may not be searched by " + ours;
}

std::string hint_for(int code, const std::string& path) {
  struct stat status{};
  switch (code) {
    case ENOENT: {
      const std::string folder = folder_of(path);
      if (::stat(folder.c_str(), &status) == 0 || errno != ENOENT) return {};
      return "there is no directory " + folder + ": make it first";
    }
    case ENOTDIR:
      return folder_of(path) + " is no directory";
    case EACCES:
      return no_access_hint(path);
    case EROFS:
      return "its file system is mounted for reading only";
    default:
      return {};
  }
}

std::string hint_for_removal(int code, const std::string& path) {
  const std::string folder = folder_of(path);
  struct stat there{};
  struct stat around{};
  if ((code != EPERM && code != EACCES) || ::lstat(path.c_str(), &there) < 0 || ::stat(folder.c_str(), &around) < 0)
    return hint_for(code, path);
  if ((around.st_mode & S_ISVTX) != 0 && code == EPERM)
    return "it belongs to " + uid_text(there.st_uid) + ", and in a sticky directory as " + folder +
           " only its owner, the directory's (" + uid_text(around.st_uid) + ") and root may remove it";
  return "its directory, " + folder + ", " + owner_and_mode(around) + ", and this process, " + uid_text(::geteuid()) +
         ", may remove nothing there";
}

}  // namespace

std::string path_hint(int code, const std::string& path) {
  const int saved = errno;
  std::string hint = hint_for(code, path);
  errno = saved;
  return hint;
}

Error last_path_error(std::string_view operation, const std::string& path) {
  const int code = errno;
  return Error{code, operation, path, path_hint(code, path)};
}

Error last_removal_error(std::string_view operation, const std::string& path) {
  const int code = errno;
  return Error{code, operation, path, hint_for_removal(code, path)};
}

}  // namespace ginnel
