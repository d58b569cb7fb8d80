#include "ginnel/sys/posix_semaphore.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cassert>
#include <cerrno>
#include <climits>
#include <new>

#include "clocked_calls.hpp"
#include "ginnel/core/unique_fd.hpp"
#include "kernel_setting.hpp"
#include "memory_file.hpp"
#include "posix_name.hpp"
#include "system_call.hpp"

namespace ginnel {
namespace {

static_assert(PosixSemaphore::count_max == SEM_VALUE_MAX);

// Named semaphores are the files that sem_open(3) makes and finds, but not made by it: it maps whatever file has the name,
// however short, gives all who open a name in one process the same address, obeys the umask, and leaves a temporary name
// behind when it is killed.
constexpr const char* folder = "/dev/shm";
constexpr std::size_t longest_name = NAME_MAX - 4;  // the file's name begins with `sem.`
constexpr Bytes file_bytes{sizeof(sem_t)};

std::string path_of(const std::string& name) { return std::string{folder} + "/sem." + name.substr(1); }

Error refused(std::string_view operation, const std::string& object, std::string_view hint, int code = EINVAL) {
  return Error{code, operation, object, hint};
}

std::string hint_for(int code) {
  switch (code) {
    case ENOENT:
      return "there is no semaphore of this name";
    case EEXIST:
      return "there is a semaphore of this name already; open it, or unlink it when nobody uses it";
    case EACCES:
      return "the semaphore's mode must allow reading and writing";
    case ELOOP:
      return "it is a symbolic link, which is never followed here";
    case EMFILE:
      return "this process has no descriptor left: " + process_limit("RLIMIT_NOFILE", RLIMIT_NOFILE) +
             "; close some, or raise it: ulimit -n";
    case ENFILE:
      return "the whole system has no open file left: " + kernel_setting("fs.file-max");
    case ENOSPC: {
      struct statvfs fs{};
      ::statvfs(folder, &fs);
      return std::string{folder} + " is full: " + std::to_string(fs.f_bavail) + " pages and " +
             std::to_string(fs.f_favail) + " inodes are free; remove what nobody uses there";
    }
    case EOPNOTSUPP:
    case EISDIR:
      return std::string{folder} + " is not a tmpfs; mount one there";
    default:
      return {};
  }
}

Error last_error(std::string_view operation, const std::string& name) {
  Error error = Error::last(operation, name);
  const std::string hint = hint_for(error.code());
  return std::move(error).with_hint(hint);
}

Result<void> check_count(const std::string& object, unsigned count) {
  if (count <= PosixSemaphore::count_max) return {};
  return std::unexpected{refused(
      "sem_init", object,
      "a count of " + std::to_string(count) + " is over SEM_VALUE_MAX " + std::to_string(PosixSemaphore::count_max))};
}

std::string object_at(std::size_t offset) { return "semaphore at offset " + std::to_string(offset); }

Result<void> check_place(const ReadWriteMapping& memory, std::size_t offset) {
  const std::size_t size = memory.bytes().size();
  if (offset % alignof(sem_t) != 0)
    return std::unexpected{
        refused("sem_init", object_at(offset), "the offset must be a multiple of " + std::to_string(alignof(sem_t)))};
  if (offset > size || size - offset < sizeof(sem_t))
    return std::unexpected{refused(
        "sem_init", object_at(offset),
        "a semaphore takes " + std::to_string(sizeof(sem_t)) + " bytes; the memory has " + std::to_string(size))};
  return {};
}

Result<std::shared_ptr<ReadWriteMapping>> map_semaphore(int file, const std::string& name) {
  auto mapping = ReadWriteMapping::map(file, file_bytes);
  if (!mapping) return std::unexpected{std::move(mapping.error()).with_object(name)};
  return std::make_shared<ReadWriteMapping>(std::move(*mapping));
}

/// sem_open(3) makes a semaphore under a temporary name, links it to its own and unlinks the temporary one: for that moment
/// it has two. A file that keeps more than one name is somebody else's, linked here to have it written to.
Result<struct stat> status_with_one_name(int file, const std::string& name) {
  const Deadline given_up = Deadline::after(std::chrono::milliseconds{200});
  Backoff backoff{std::chrono::milliseconds{5}};
  while (true) {
    struct stat status{};
    if (::fstat(file, &status) < 0) return std::unexpected{Error::last("fstat", name)};
    if (status.st_nlink <= 1) return status;
    if (given_up.passed())
      return std::unexpected{refused("sem_open", name,
                                     "it has " + std::to_string(status.st_nlink) +
                                         " hard links: it is another file too, or its creator was killed; unlink it",
                                     EPERM)};
    backoff.pause(given_up);
  }
}

enum class Owner { any, trusted };

Result<std::shared_ptr<ReadWriteMapping>> open_file(const std::string& name, Owner owner) {
  const int flags = O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;
  UniqueFd file{retry_interrupted([&] { return ::open(path_of(name).c_str(), flags); })};
  if (!file.valid()) return std::unexpected{last_error("sem_open", name)};
  auto status = status_with_one_name(file.get(), name);
  if (!status) return std::unexpected{status.error()};
  if (!S_ISREG(status->st_mode) || static_cast<std::uint64_t>(status->st_size) != file_bytes.count())
    return std::unexpected{refused("sem_open", name,
                                   "the file of this name holds no semaphore, or one of another architecture: it has " +
                                       std::to_string(status->st_size) + " bytes, not " + file_bytes.to_string())};
  if (owner == Owner::trusted && status->st_uid != ::geteuid() && status->st_uid != 0)
    return std::unexpected{refused("sem_open", name,
                                   "the existing semaphore belongs to uid " + std::to_string(status->st_uid) +
                                       "; open it without creating if you trust that user",
                                   EEXIST)};
  return map_semaphore(file.get(), name);
}

/// Made whole without a name, then given one. Errors: EEXIST.
Result<std::shared_ptr<ReadWriteMapping>> make_file(const std::string& name, const SemaphoreOptions& options) {
  UniqueFd file{retry_interrupted([&] { return ::open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, options.mode); })};
  if (!file.valid()) return std::unexpected{last_error("open O_TMPFILE", name)};
  if (::fchmod(file.get(), options.mode) < 0) return std::unexpected{last_error("fchmod", name)};
  const Bytes page{static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE))};
  if (auto allocated = allocate_memory(file.get(), file_bytes, page, name); !allocated) {
    Error error = allocated.error();
    const std::string hint = error.hint().empty() ? hint_for(error.code()) : error.hint();
    return std::unexpected{std::move(error).with_hint(hint)};
  }
  auto memory = map_semaphore(file.get(), name);
  if (!memory) return memory;
  if (::sem_init(::new ((*memory)->bytes().data()) sem_t, 1, options.count) < 0)
    return std::unexpected{last_error("sem_init", name)};

  const std::string nameless = "/proc/self/fd/" + std::to_string(file.get());
  if (::linkat(AT_FDCWD, nameless.c_str(), AT_FDCWD, path_of(name).c_str(), AT_SYMLINK_FOLLOW) < 0)
    return std::unexpected{last_error("linkat", name)};
  return memory;
}

}  // namespace

Result<PosixSemaphore> PosixSemaphore::create(const std::string& name, SemaphoreOptions options) {
  if (auto good = check_posix_name("sem_open", name, longest_name); !good) return std::unexpected{good.error()};
  if (auto good = check_count(name, options.count); !good) return std::unexpected{good.error()};
  if ((options.mode & ~static_cast<mode_t>(0777)) != 0)
    return std::unexpected{refused("sem_open", name, "the mode has more than permission bits")};

  while (true) {
    if (!options.exclusive) {
      auto existing = open_file(name, Owner::trusted);
      if (existing) return PosixSemaphore{std::move(*existing), 0, name};
      if (existing.error().code() != ENOENT) return std::unexpected{existing.error()};
    }
    auto made = make_file(name, options);
    if (made) return PosixSemaphore{std::move(*made), 0, name};
    if (options.exclusive || made.error().code() != EEXIST) return std::unexpected{made.error()};
  }
}

Result<PosixSemaphore> PosixSemaphore::open(const std::string& name) {
  if (auto good = check_posix_name("sem_open", name, longest_name); !good) return std::unexpected{good.error()};
  auto memory = open_file(name, Owner::any);
  if (!memory) return std::unexpected{memory.error()};
  return PosixSemaphore{std::move(*memory), 0, name};
}

Result<void> PosixSemaphore::unlink(const std::string& name) {
  if (auto good = check_posix_name("sem_unlink", name, longest_name); !good) return std::unexpected{good.error()};
  if (::sem_unlink(name.c_str()) == 0) return {};
  const int code = errno;
  const std::string hint = code == EACCES ? "only the semaphore's owner and root may unlink it" : hint_for(code);
  return std::unexpected{refused("sem_unlink", name, hint, code)};
}

Result<PosixSemaphore> PosixSemaphore::create_in(std::shared_ptr<ReadWriteMapping> memory, std::size_t offset,
                                                 unsigned count) {
  assert(memory != nullptr);
  if (auto good = check_place(*memory, offset); !good) return std::unexpected{good.error()};
  if (auto good = check_count(object_at(offset), count); !good) return std::unexpected{good.error()};
  if (::sem_init(::new (memory->bytes().data() + offset) sem_t, 1, count) < 0)
    return std::unexpected{Error::last("sem_init", object_at(offset))};
  return PosixSemaphore{std::move(memory), offset, object_at(offset)};
}

Result<PosixSemaphore> PosixSemaphore::open_in(std::shared_ptr<ReadWriteMapping> memory, std::size_t offset) {
  assert(memory != nullptr);
  if (auto good = check_place(*memory, offset); !good) return std::unexpected{good.error()};
  return PosixSemaphore{std::move(memory), offset, object_at(offset)};
}

Result<Outcome<Done, TimedOut>> PosixSemaphore::wait(Deadline deadline) {
  sem_t* const shared = semaphore();
  while (true) {
    const timespec until = monotonic_time(Deadline::after(look_again).sooner(deadline));
    const int result = retry_interrupted(
        [&] { return deadline.is_immediate() ? ::sem_trywait(shared) : monotonic_wait(shared, until); });
    if (result == 0) return Done{};
    if (errno != ETIMEDOUT && errno != EAGAIN) return std::unexpected{Error::last("sem_wait", name_)};
    if (deadline.passed()) return TimedOut{};
  }
}

Result<void> PosixSemaphore::post() {
  if (::sem_post(semaphore()) == 0) return {};
  const int code = errno;
  const std::string hint =
      code == EOVERFLOW ? "the count is at SEM_VALUE_MAX " + std::to_string(count_max) + " already" : "";
  return std::unexpected{refused("sem_post", name_, hint, code)};
}

Result<unsigned> PosixSemaphore::value() const {
  int value = 0;
  if (::sem_getvalue(semaphore(), &value) < 0) return std::unexpected{Error::last("sem_getvalue", name_)};
  return static_cast<unsigned>(value);
}

sem_t* PosixSemaphore::semaphore() const noexcept {
  assert(memory_ != nullptr);  // moved from
  return reinterpret_cast<sem_t*>(memory_->bytes().data() + offset_);
}

}  // namespace ginnel
