#pragma once

#include <semaphore.h>
#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>

#include "ginnel/core/deadline.hpp"
#include "ginnel/core/outcome.hpp"
#include "ginnel/core/result.hpp"
#include "ginnel/sys/mapping.hpp"

namespace ginnel {

struct SemaphoreOptions {
  unsigned count = 0;
  mode_t mode = 0600;  ///< exactly, whatever the umask; permission bits only
  /// False: an existing one is opened as it is, its count untouched, if its owner is the caller or root.
  bool exclusive = true;
};

/// A counting semaphore: by name in /dev/shm (`sem.NAME`, where sem_open(3) finds it too), or unnamed in shared memory.
/// A process that dies between wait and post never posts: the count it took is lost and others wait for ever. Where that
/// matters use SysvSemaphoreSet with undo, or RobustMutex. A waiter killed in the moment of its wake-up takes the wake-up
/// along, and the next one sleeps though the count is not 0; so each looks again every `look_again`. Whoever may use one may also spoil it, or shrink its file,
/// after which touching it raises SIGBUS: it is for one trust domain.
/// Each handle has a mapping of its own and holds no descriptor. Threads may share a handle, and a child of fork(2) has
/// one of its own. Names are a slash and 1 to 251 bytes without one. Source: sem_overview(7).
class [[nodiscard]] PosixSemaphore {
 public:
  static constexpr unsigned count_max = 0x7fff'ffff;  ///< SEM_VALUE_MAX
  static constexpr auto look_again = std::chrono::milliseconds{50};

  /// The name appears when count and mode are set: nobody, and no death of this process on the way, ever sees or leaves a
  /// half-made one. Errors: EEXIST (there is one, or it has a foreign owner), EINVAL (count, mode, name; as open), EACCES,
  /// ENOSPC (/dev/shm is full), ENAMETOOLONG, EMFILE, ENFILE. Source: sem_open(3), open(2) on O_TMPFILE.
  [[nodiscard]] static Result<PosixSemaphore> create(const std::string& name, SemaphoreOptions options = {});
  /// Errors: ENOENT, EACCES, EINVAL (name; a file of that name that holds no semaphore: using it would SIGBUS), ELOOP (a
  /// symbolic link), EPERM (several hard links: it is another file too), ENAMETOOLONG, EMFILE, ENFILE.
  [[nodiscard]] static Result<PosixSemaphore> open(const std::string& name);
  /// Those who have it open keep it; one created anew under the name is another one.
  /// Errors: ENOENT, EACCES (neither owner nor root), EINVAL (name), ENAMETOOLONG. Source: sem_unlink(3).
  [[nodiscard]] static Result<void> unlink(const std::string& name);

  /// In memory that processes share; `offset` is a multiple of alignof(sem_t), with sizeof(sem_t) bytes of room. Whatever
  /// was there is overwritten: nobody may be using a semaphore there.
  /// Errors: EINVAL (offset, count). Source: sem_init(3).
  [[nodiscard]] static Result<PosixSemaphore> create_in(std::shared_ptr<ReadWriteMapping> memory, std::size_t offset,
                                                        unsigned count);
  /// One that create_in() made there, in this process or another. Errors: EINVAL (offset).
  [[nodiscard]] static Result<PosixSemaphore> open_in(std::shared_ptr<ReadWriteMapping> memory, std::size_t offset);

  PosixSemaphore(PosixSemaphore&& other) noexcept = default;
  PosixSemaphore& operator=(PosixSemaphore&& other) noexcept = default;
  ~PosixSemaphore() = default;

  /// Takes one, when there is one. Source: sem_clockwait(3) on CLOCK_MONOTONIC.
  [[nodiscard]] Result<Outcome<Done, TimedOut>> wait(Deadline deadline = Deadline::never());
  /// Errors: EOVERFLOW (over SEM_VALUE_MAX). Source: sem_post(3).
  [[nodiscard]] Result<void> post();
  /// The count, which may have changed already; 0 also while others wait. Source: sem_getvalue(3).
  [[nodiscard]] Result<unsigned> value() const;

 private:
  PosixSemaphore(std::shared_ptr<ReadWriteMapping> memory, std::size_t offset, std::string name) noexcept
      : memory_{std::move(memory)}, offset_{offset}, name_{std::move(name)} {}
  [[nodiscard]] sem_t* semaphore() const noexcept;
  std::shared_ptr<ReadWriteMapping> memory_;
  std::size_t offset_;
  std::string name_;  ///< for errors
};

}  // namespace ginnel
