#include "ginnel/sys/fifo.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cassert>
#include <cerrno>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>

#include "fifo_inode.hpp"
#include "path_hint.hpp"
#include "system_call.hpp"

namespace ginnel {
namespace {

constexpr mode_t permission_bits = 0777;

std::string octal(mode_t mode) {
  std::array<char, 16> text{};
  const int length = std::snprintf(text.data(), text.size(), "%04o", static_cast<unsigned>(mode));
  return {text.data(), static_cast<std::size_t>(length)};
}

std::string hint_for_creation(int code, const std::string& path) {
  if (code == EEXIST) return "something of that name is there already";
  if (code == EPERM || code == EOPNOTSUPP) return "this file system has no FIFOs";
  return path_hint(code, path);
}

std::string what_it_is(const FifoInode& inode) {
  return inode.is_link() ? "a symbolic link, which is not followed: it may have been put there" : "not a FIFO";
}

/// mkfifo(3) takes the umask's bits away from the mode, and the umask belongs to the whole process: other threads would
/// feel a change of it. So the mode, never wider than asked until then, is put right afterwards.
Result<void> widen_to_exact_mode(const std::string& path, mode_t mode) {
  auto inode = FifoInode::look_up(path, "create fifo");
  if (!inode) return std::unexpected{inode.error()};
  if (inode->status.st_uid != ::geteuid())
    return std::unexpected{
        Error{EEXIST, "create fifo", path, "another user put a FIFO of his own in its place meanwhile"}};
  if ((inode->status.st_mode & permission_bits) == mode) return {};
  if (::chmod(inode->proc_path().c_str(), mode) == 0) return {};
  return std::unexpected{Error::last("chmod", path)};
}

/// Takes back a FIFO that did not get its mode. By its name, for a descriptor may be what was lacking; never a stranger's.
void remove_own(const std::string& path) {
  struct stat status{};
  const bool own = ::lstat(path.c_str(), &status) == 0 && S_ISFIFO(status.st_mode) && status.st_uid == ::geteuid();
  if (own) (void)::unlink(path.c_str());
}

Result<void> make_with_exact_mode(const std::string& path, mode_t mode) {
  if (::mkfifo(path.c_str(), mode) < 0) {
    const int code = errno;
    return std::unexpected{Error{code, "mkfifo", path, hint_for_creation(code, path)}};
  }
  auto widened = widen_to_exact_mode(path, mode);
  if (!widened) remove_own(path);
  return widened;
}

Result<void> accept_existing(const std::string& path, mode_t mode) {
  auto inode = FifoInode::hold(path, "create fifo");
  if (!inode) return std::unexpected{inode.error()};
  if (!inode->is_fifo())
    return std::unexpected{Error{EEXIST, "create fifo", path, "what is there is " + what_it_is(*inode)}};
  if (inode->status.st_uid != ::geteuid())
    return std::unexpected{Error{EEXIST, "create fifo", path,
                                 "the FIFO there belongs to uid " + std::to_string(inode->status.st_uid) +
                                     ", who could read or forge what goes through it"}};
  if (const mode_t found = inode->status.st_mode & permission_bits; found != mode)
    return std::unexpected{
        Error{EEXIST, "create fifo", path, "the FIFO there has mode " + octal(found) + ", not " + octal(mode)}};
  return {};
}

}  // namespace

Result<FifoInode> FifoInode::hold(const std::string& path, std::string_view operation) {
  FifoInode inode;
  inode.handle = UniqueFd{retry_interrupted([&] { return ::open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC); })};
  if (!inode.handle.valid()) return std::unexpected{last_path_error(operation, path)};
  if (::fstat(inode.handle.get(), &inode.status) < 0) return std::unexpected{Error::last("fstat", path)};
  return inode;
}

Result<FifoInode> FifoInode::look_up(const std::string& path, std::string_view operation) {
  auto inode = hold(path, operation);
  if (!inode || inode->is_fifo()) return inode;
  return std::unexpected{Error{inode->is_link() ? ELOOP : EINVAL, operation, path, what_it_is(*inode)}};
}

Result<void> create_fifo(const std::string& path, FifoOptions options) {
  assert((options.mode & ~permission_bits) == 0);
  // What exists may be removed between the two looks; a name that keeps coming and going is told as it was found last.
  for (int tries = 0;; ++tries) {
    auto made = make_with_exact_mode(path, options.mode);
    const bool is_there = !made && made.error().code() == EEXIST && made.error().operation() == "mkfifo";
    if (!is_there || options.exclusive) return made;
    auto taken = accept_existing(path, options.mode);
    if (taken || taken.error().code() != ENOENT || tries == 3) return taken;
  }
}

Result<void> remove_fifo(const std::string& path) {
  auto inode = FifoInode::hold(path, "remove fifo");
  if (!inode) return std::unexpected{inode.error()};
  if (!inode->is_fifo())
    return std::unexpected{
        Error{EINVAL, "remove fifo", path, inode->is_link() ? "a symbolic link, not a FIFO" : "not a FIFO"}};
  if (::unlink(path.c_str()) < 0) return std::unexpected{last_removal_error("unlink", path)};
  return {};
}

}  // namespace ginnel
