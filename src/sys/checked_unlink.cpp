#include "ginnel/sys/checked_unlink.hpp"

#include <fcntl.h>
#include <mqueue.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <optional>
#include <utility>

#include "unix_bind.hpp"

namespace ginnel {
namespace {

struct Place {
  std::string folder;
  std::string name;
};

Place split(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return {".", path};
  return {slash == 0 ? "/" : path.substr(0, slash), path.substr(slash + 1)};
}

/// The kernel's word that nobody but us has a file, while it lives.
class Lease {
 public:
  enum class State { granted, in_use, not_allowed, no_means };

  /// Takes the file's own descriptor, with which the lease goes; errno is why there is none.
  explicit Lease(UniqueFd file) noexcept : file_{std::move(file)} {
    if (!file_.valid() && (errno == EMFILE || errno == ENFILE || errno == ENOMEM)) state_ = State::no_means;
    // Who opens the file breaks the lease, of which a signal tells: not SIGIO, which would end us, but one that is ignored
    // unless it is handled.
    if (!file_.valid() || ::fcntl(file_.get(), F_SETSIG, SIGURG) < 0) return;
    if (::fcntl(file_.get(), F_SETLEASE, F_WRLCK) == 0)
      state_ = State::granted;
    else if (errno == EAGAIN)
      state_ = State::in_use;
  }
  [[nodiscard]] State state() const noexcept { return state_; }
  /// Whether somebody waits in open(2) for this lease to end.
  [[nodiscard]] bool is_being_broken() const noexcept {
    return state_ == State::granted && ::fcntl(file_.get(), F_GETLEASE) != F_WRLCK;
  }
  [[nodiscard]] Result<FileStatus> status() const { return file_status(file_.get()); }

 private:
  UniqueFd file_;
  State state_ = State::not_allowed;
};

Lease lease_on(const Directory& folder, const std::string& name) noexcept {
  return Lease{UniqueFd{::openat(folder.descriptor(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)}};
}

/// None where the file is not bound and still the expected one.
std::optional<Result<CheckedUnlink>> why_not_unbound(const Directory& folder, const std::string& name,
                                                     const std::string& shown, const FileIdentity& expected) {
  const UniqueFd file{::openat(folder.descriptor(), name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC)};
  if (!file.valid())
    return errno == ENOENT ? Result<CheckedUnlink>{NameGone{}} : std::unexpected{Error::last("open", shown)};
  const auto status = file_status(file.get());
  if (!status || file_identity(*status) != expected) return NameChanged{};
  switch (const int bound = who_is_bound(file.get()); bound) {
    case 0:
      return std::nullopt;
    case EADDRINUSE:
      return FileInUse{};
    default:
      return std::unexpected{Error{bound, "ask who is bound to", shown, "whether a live socket has it cannot be told"}};
  }
}

/// `shown` is what errors name.
Result<CheckedUnlink> unlink_in(const Directory& folder, const std::string& name, const std::string& shown,
                                const FileIdentity& expected, const CheckedUnlinkOptions& options) {
  std::optional<FileLock> alone;
  if (!options.folder_is_locked) {
    auto locked = lock_against_removers(folder, options.deadline);
    if (!locked) return std::unexpected{locked.error()};
    if (locked->is<TimedOut>())
      return std::unexpected{Error{ETIMEDOUT, "flock", shown, "somebody else is removing things there"}};
    alone = std::move(*locked).as<FileLock>();
  }

  const auto status = folder.status(name.c_str(), Follow::no);
  if (!status && status.error().code() == ENOENT) return NameGone{};
  if (!status) return std::unexpected{status.error()};
  if (file_identity(*status) != expected) return NameChanged{};

  std::optional<Lease> lease;
  if (status->type == FileType::regular && options.files_in_use == FilesInUse::stay) {
    lease.emplace(lease_on(folder, name));
    if (lease->state() == Lease::State::no_means) return std::unexpected{Error::last("open", shown)};
    if (lease->state() == Lease::State::in_use) return FileInUse{};
    if (lease->state() == Lease::State::granted) {
      const auto leased = lease->status();
      if (!leased || file_identity(*leased) != expected) return NameChanged{};
    }
    if (lease->is_being_broken()) return FileInUse{};
  }
  if (status->type == FileType::socket && options.files_in_use == FilesInUse::stay)
    if (auto why_not = why_not_unbound(folder, name, shown, expected)) return std::move(*why_not);
  if (::unlinkat(folder.descriptor(), name.c_str(), 0) == 0) return Done{};
  if (errno == ENOENT) return NameGone{};
  return std::unexpected{Error::last("unlink", shown)};
}

}  // namespace

std::uint64_t file_generation(const FileStatus& status) noexcept {
  return static_cast<std::uint64_t>(status.born.value_or(status.changed).time_since_epoch().count());
}

FileIdentity file_identity(const FileStatus& status) noexcept {
  return {.device = status.device, .inode = status.inode, .generation = file_generation(status)};
}

Result<Outcome<FileLock, TimedOut>> lock_against_removers(const Directory& folder, Deadline deadline) {
  auto own = folder.open_below(".");
  if (!own) return std::unexpected{own.error()};
  return FileLock::acquire(std::move(*own).release(), LockMode::exclusive, deadline);
}

Result<CheckedUnlink> unlink_checked(const std::string& path, const FileIdentity& expected,
                                     CheckedUnlinkOptions options) {
  const Place place = split(path);
  const auto folder = Directory::open(place.folder.c_str());
  if (!folder && folder.error().code() == ENOENT) return NameGone{};
  if (!folder) return std::unexpected{folder.error()};
  return unlink_in(*folder, place.name, path, expected, options);
}

Result<CheckedUnlink> unlink_checked(const Directory& folder, const std::string& name, const FileIdentity& expected,
                                     CheckedUnlinkOptions options) {
  return unlink_in(folder, name, name, expected, options);
}

Result<CheckedUnlink> unlink_unused_posix_queue(const std::string& name) {
  const Lease lease{UniqueFd{::mq_open(name.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)}};
  if (lease.state() == Lease::State::no_means) return std::unexpected{Error::last("mq_open", "mq:" + name)};
  if (lease.state() == Lease::State::in_use || lease.is_being_broken()) return FileInUse{};
  if (::mq_unlink(name.c_str()) == 0) return Done{};
  if (errno == ENOENT) return NameGone{};
  return std::unexpected{Error::last("mq_unlink", "mq:" + name)};
}

Result<void> remove_empty_directory(const Directory& parent, const std::string& name) {
  if (::unlinkat(parent.descriptor(), name.c_str(), AT_REMOVEDIR) < 0)
    return std::unexpected{Error::last("rmdir", name)};
  return {};
}

}  // namespace ginnel
