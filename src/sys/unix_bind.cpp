#include "unix_bind.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>

#include "path_hint.hpp"
#include "system_call.hpp"
#include "unix_address.hpp"

namespace ginnel {
namespace {

using namespace std::chrono_literals;

/// A starter that replaces a stale path holds the lock for some microseconds.
constexpr auto longest_lock_wait = 5s;

/// Where the socket's file is to be. The directory is held, so that what happens to the path later changes nothing.
struct Place {
  UniqueFd directory;
  std::string file;
  const std::string& path;
};

Error in_use(const std::string& path, std::string_view why) { return Error{EADDRINUSE, "bind", path, why}; }

Result<Place> open_place(const std::string& path) {
  const auto slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  Place place{.directory = {}, .file = path.substr(slash + 1), .path = path};
  if (place.file.empty()) return std::unexpected{Error{EISDIR, "bind", path, "this names a directory"}};
  place.directory =
      UniqueFd{retry_interrupted([&] { return ::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC); })};
  if (!place.directory.valid()) return std::unexpected{last_path_error("bind", path)};
  return place;
}

std::string through_descriptor(const Place& place) {
  return "/proc/self/fd/" + std::to_string(place.directory.get()) + "/" + place.file;
}

/// A file name that does not even fit behind its directory's descriptor is given to the socket afterwards.
Result<void> bind_and_rename(int socket, const Place& place) {
  if (::faccessat(place.directory.get(), place.file.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0)
    return std::unexpected{in_use(place.path, {})};
  if (errno != ENOENT) return std::unexpected{last_path_error("bind", place.path)};

  std::uint64_t random = 0;
  if (retry_interrupted([&] { return ::getrandom(&random, sizeof random, 0); }) < 0)
    return std::unexpected{Error::last("getrandom")};
  Place first{.directory = {}, .file = ".ginnel-" + std::to_string(random), .path = place.path};
  const std::string name = "/proc/self/fd/" + std::to_string(place.directory.get()) + "/" + first.file;
  const SocketName address = plain_name(name);
  if (::bind(socket, address.get(), address.length) < 0) return std::unexpected{last_path_error("bind", place.path)};
  const int directory = place.directory.get();
  if (::renameat2(directory, first.file.c_str(), directory, place.file.c_str(), RENAME_NOREPLACE) == 0) return {};
  const Error error = errno == EEXIST ? in_use(place.path, "another process took the name at this moment")
                                      : Error::last("rename a new socket to", place.path);
  ::unlinkat(directory, first.file.c_str(), 0);
  return std::unexpected{error};
}

Result<void> bind_once(int socket, const Place& place) {
  std::string name = place.path;
  if (name.size() > longest_plain_name) name = through_descriptor(place);
  if (name.size() > longest_plain_name) return bind_and_rename(socket, place);
  const SocketName address = plain_name(name);
  if (::bind(socket, address.get(), address.length) < 0) return std::unexpected{last_path_error("bind", place.path)};
  return {};
}

/// The file itself, not what it may link to; ENOENT is told by an invalid descriptor.
Result<UniqueFd> open_file(const Place& place) {
  UniqueFd file{retry_interrupted(
      [&] { return ::openat(place.directory.get(), place.file.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC); })};
  if (!file.valid() && errno != ENOENT) return std::unexpected{Error::last("open", place.path)};
  return file;
}

Result<struct stat> status(int fd, const std::string& path) {
  struct stat found{};
  if (::fstat(fd, &found) < 0) return std::unexpected{Error::last("fstat", path)};
  return found;
}

std::string live_hint(const struct stat& file) {
  const std::string holder = holder_of_path(file.st_dev, file.st_ino);
  return "a live server has this path" + (holder.empty() ? std::string{} : ": " + holder);
}

/// Holds the directory's lock: of all that would replace a stale path there, one at a time.
class DirectoryLock {
 public:
  [[nodiscard]] static Result<DirectoryLock> take(const Place& place) {
    UniqueFd directory{
        retry_interrupted([&] { return ::openat(place.directory.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC); })};
    if (!directory.valid())
      return std::unexpected{in_use(place.path,
                                    "the path may be stale, but it is replaced under a lock on its directory, "
                                    "which cannot be opened for reading (" +
                                        errno_name(errno) + ")")};
    const Deadline deadline = Deadline::after(longest_lock_wait);
    Backoff backoff{5ms};
    while (::flock(directory.get(), LOCK_EX | LOCK_NB) < 0) {
      if (errno != EWOULDBLOCK && errno != EINTR)
        return std::unexpected{in_use(place.path, "the path may be stale, but its directory cannot be locked (flock: " +
                                                      errno_name(errno) + ")")};
      if (deadline.passed())
        return std::unexpected{in_use(place.path,
                                      "the path may be stale, but another process has its directory locked "
                                      "(flock) for too long")};
      backoff.pause(deadline);
    }
    return DirectoryLock{std::move(directory)};
  }
  DirectoryLock(DirectoryLock&&) noexcept = default;
  DirectoryLock& operator=(DirectoryLock&&) = delete;
  ~DirectoryLock() { release(); }
  void release() noexcept {
    // Said aloud, because a copy that another thread's fork made at this moment would keep the lock.
    if (directory_.valid()) ::flock(directory_.get(), LOCK_UN);
    directory_.reset();
  }

 private:
  explicit DirectoryLock(UniqueFd directory) noexcept : directory_{std::move(directory)} {}
  UniqueFd directory_;
};

/// Removes what stands at the place if it is a socket that nobody has; an error that tells why not otherwise.
Result<void> remove_stale(const Place& place) {
  auto lock = DirectoryLock::take(place);
  if (!lock) return std::unexpected{lock.error()};
  auto file = open_file(place);
  if (!file) return std::unexpected{file.error()};
  if (!file->valid()) return {};
  auto found = status(file->get(), place.path);
  if (!found) return std::unexpected{found.error()};
  if (!S_ISSOCK(found->st_mode))
    return std::unexpected{in_use(place.path, "a file that is no socket stands there; it is left alone")};

  const int bound = who_is_bound(file->get());
  if (bound == EADDRINUSE) {
    lock->release();  // who it is takes a walk over all processes, for which no other starter should have to wait
    return std::unexpected{in_use(place.path, live_hint(*found))};
  }
  if (bound != 0)
    return std::unexpected{in_use(place.path, "it cannot be told whether a live server has this path (" +
                                                  errno_name(bound) + " on asking its socket); remove it if not")};

  // Under the lock only a program that knows nothing of it can have changed the name since.
  struct stat now{};
  if (::fstatat(place.directory.get(), place.file.c_str(), &now, AT_SYMLINK_NOFOLLOW) < 0)
    return errno == ENOENT ? Result<void>{} : std::unexpected{Error::last("stat", place.path)};
  if (now.st_dev != found->st_dev || now.st_ino != found->st_ino) return {};
  if (::unlinkat(place.directory.get(), place.file.c_str(), 0) < 0 && errno != ENOENT)
    return std::unexpected{
        Error::last("remove the stale socket", place.path)
            .with_hint("no live server has this path, but it cannot be removed here; its owner or root can")};
  return {};
}

Error replaced_at_once(const Place& place) {
  return Error{ESTALE, "bind", place.path,
               "something else took the place of the new socket, or it was removed at once"};
}

/// Gives the new file its owner, then its mode: nobody may pass by a mode that was meant for another group.
Result<void> give_owner_and_mode(const Place& place, const struct stat& made, const ListenOptions& options) {
  auto file = open_file(place);
  if (!file) return std::unexpected{file.error()};
  if (!file->valid()) return std::unexpected{replaced_at_once(place)};
  auto found = status(file->get(), place.path);
  if (!found) return std::unexpected{found.error()};
  if (found->st_dev != made.st_dev || found->st_ino != made.st_ino) return std::unexpected{replaced_at_once(place)};

  const uid_t owner = options.owner.value_or(static_cast<uid_t>(-1));
  const gid_t group = options.group.value_or(static_cast<gid_t>(-1));
  if ((options.owner || options.group) && ::fchownat(file->get(), "", owner, group, AT_EMPTY_PATH) < 0)
    return std::unexpected{
        Error::last("chown", place.path)
            .with_hint(errno == EPERM
                           ? "giving a path away needs CAP_CHOWN; without it, the group may be one of the caller's own"
                           : "")};
  if ((made.st_mode & 07777) != options.mode) {
    const std::string name = "/proc/self/fd/" + std::to_string(file->get());
    if (::chmod(name.c_str(), options.mode) < 0) return std::unexpected{Error::last("chmod", place.path)};
  }
  return {};
}

/// Looks at the new file before anything that can fail, so that it can be removed again if something does.
Result<BoundPath> settle(Place place, const ListenOptions& options) {
  struct stat made{};
  if (::fstatat(place.directory.get(), place.file.c_str(), &made, AT_SYMLINK_NOFOLLOW) < 0)
    return std::unexpected{errno == ENOENT ? replaced_at_once(place) : Error::last("stat", place.path)};
  if (!S_ISSOCK(made.st_mode)) return std::unexpected{replaced_at_once(place)};
  auto given = give_owner_and_mode(place, made, options);
  BoundPath bound{std::move(place.directory), std::move(place.file), made.st_dev, made.st_ino};
  if (!given) return std::unexpected{given.error()};
  return bound;
}

Result<BoundPath> bind_abstract(int socket, const UnixAddress& address) {
  auto name = abstract_name("bind", address);
  if (!name) return std::unexpected{name.error()};
  if (::bind(socket, name->get(), name->length) == 0) return BoundPath{};
  if (errno != EADDRINUSE) return std::unexpected{Error::last("bind", address.name)};
  const std::string holder = holder_of_abstract(std::string_view{address.name}.substr(1));
  return std::unexpected{
      in_use(address.name, "a live process has this abstract name" + (holder.empty() ? std::string{} : ": " + holder))};
}

}  // namespace

int who_is_bound(int file) {
  auto probe = make_socket(UnixType::datagram);
  if (!probe) return probe.error().code();
  const SocketName name = descriptor_name(file);
  const int connected = retry_interrupted([&] { return ::connect(probe->get(), name.get(), name.length); });
  if (connected == 0 || errno == EPROTOTYPE || errno == EPERM) return EADDRINUSE;
  return errno == ECONNREFUSED ? 0 : errno;
}

Result<BoundPath> bind_socket(int socket, const UnixAddress& address, const ListenOptions& options) {
  if (auto good = check_name("bind", address); !good) return std::unexpected{good.error()};
  if (address.is_abstract()) return bind_abstract(socket, address);
  auto place = open_place(address.name);
  if (!place) return std::unexpected{place.error()};

  // The new file gets the mode that the unbound socket has, less the umask: never more than was asked for.
  const bool changes_hands = options.owner || options.group;
  if (::fchmod(socket, changes_hands ? 0 : options.mode) < 0)
    return std::unexpected{Error::last("fchmod", address.name)};
  while (true) {
    auto bound = bind_once(socket, *place);
    if (bound) break;
    if (bound.error().code() != EADDRINUSE) return std::unexpected{bound.error()};
    if (auto removed = remove_stale(*place); !removed) return std::unexpected{removed.error()};
    // Whoever is first has it now; the next turn finds out.
  }
  return settle(std::move(*place), options);
}

BoundPath::BoundPath(UniqueFd directory, std::string file, dev_t device, ino_t inode) noexcept
    : directory_{std::move(directory)}, file_{std::move(file)}, device_{device}, inode_{inode}, binder_{::getpid()} {}

BoundPath::BoundPath(BoundPath&& other) noexcept = default;

BoundPath& BoundPath::operator=(BoundPath&& other) noexcept {
  remove();
  directory_ = std::move(other.directory_);
  file_ = std::move(other.file_);
  device_ = other.device_;
  inode_ = other.inode_;
  binder_ = other.binder_;
  return *this;
}

void BoundPath::remove() noexcept {
  if (!directory_.valid()) return;
  const int saved = errno;
  struct stat now{};
  if (binder_ == ::getpid() && ::fstatat(directory_.get(), file_.c_str(), &now, AT_SYMLINK_NOFOLLOW) == 0 &&
      now.st_dev == device_ && now.st_ino == inode_)
    ::unlinkat(directory_.get(), file_.c_str(), 0);
  directory_.reset();
  errno = saved;
}

}  // namespace ginnel
