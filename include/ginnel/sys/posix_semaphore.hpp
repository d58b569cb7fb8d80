#pragma once

#include <semaphore.h>
#include <sys/types.h>

#include <memory>
#include <string>

#include "ginnel/core/deadline.hpp"
#include "ginnel/core/outcome.hpp"
#include "ginnel/core/result.hpp"
#include "ginnel/sys/mapping.hpp"

namespace ginnel {

struct SemaphoreOptions {
  unsigned count = 0;
  mode_t mode = 0600;      ///< exactly, whatever the umask
  bool exclusive = true;   ///< false: an existing one is opened as it is, its count untouched
};

/// A counting semaphore: by name in /dev/shm (`sem.NAME`), or unnamed in shared memory.
/// A process that dies between wait and post never posts: the count it took is lost and others wait for ever. Where that
/// matters use SysvSemaphoreSet with undo, or RobustMutex. Threads may share it. Source: sem_overview(7).
class [[nodiscard]] PosixSemaphore {
 public:
  static constexpr unsigned count_max = 0x7fff'ffff;  ///< SEM_VALUE_MAX

  /// Errors: EEXIST, EINVAL (count, name), EACCES, ENOSPC, ENAMETOOLONG, EMFILE, ENFILE. Source: sem_open(3).
  [[nodiscard]] static Result<PosixSemaphore> create(const std::string& name, SemaphoreOptions options = {});
  /// Errors: ENOENT, EACCES, EINVAL (a file of that name that holds no semaphore: opening it would SIGBUS).
  [[nodiscard]] static Result<PosixSemaphore> open(const std::string& name);
  [[nodiscard]] static Result<void> unlink(const std::string& name);

  /// In memory that processes share; `offset` is a multiple of alignof(sem_t), with sizeof(sem_t) bytes of room.
  /// Errors: EINVAL. Source: sem_init(3).
  [[nodiscard]] static Result<PosixSemaphore> create_in(std::shared_ptr<ReadWriteMapping> memory, std::size_t offset,
                                                        unsigned count);
  [[nodiscard]] static Result<PosixSemaphore> open_in(std::shared_ptr<ReadWriteMapping> memory, std::size_t offset);

  PosixSemaphore(PosixSemaphore&& other) noexcept;
  PosixSemaphore& operator=(PosixSemaphore&& other) noexcept;
  ~PosixSemaphore();

  /// Source: sem_clockwait(3) on CLOCK_MONOTONIC.
  [[nodiscard]] Result<Outcome<Done, TimedOut>> wait(Deadline deadline = Deadline::never());
  /// Errors: EOVERFLOW (over SEM_VALUE_MAX).
  [[nodiscard]] Result<void> post();
  [[nodiscard]] Result<unsigned> value() const;

 private:
  PosixSemaphore(sem_t* semaphore, std::shared_ptr<ReadWriteMapping> memory) noexcept
      : semaphore_{semaphore}, memory_{std::move(memory)} {}
  sem_t* semaphore_ = nullptr;
  std::shared_ptr<ReadWriteMapping> memory_;  ///< none for a named one
};

}  // namespace ginnel
