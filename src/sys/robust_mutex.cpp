#include "ginnel/sys/robust_mutex.hpp"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cassert>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "clocked_calls.hpp"
#include "shared_place.hpp"
#include "system_call.hpp"

namespace ginnel {
namespace {

/// How many this thread holds, as far as it knows: after fork(2) the child's copy counts what only the parent holds.
thread_local std::size_t held_here = 0;

struct Storage {
  pthread_mutex_t mutex;
  std::byte spare[FormatMark::offset - sizeof(pthread_mutex_t)];
  FormatMark mark;
};
static_assert(offsetof(Storage, mark) == FormatMark::offset);
static_assert(sizeof(Storage) == RobustMutex::storage_bytes && alignof(Storage) <= place_alignment);
constexpr std::uint64_t mutex_mark = FormatMark::of(0x676d'7478, 1, sizeof(pthread_mutex_t));

/// The lowest bit of a link marks a mutex that inherits priority.
const robust_list* without_mark(const robust_list* link) noexcept {
  const auto mark = static_cast<std::ptrdiff_t>(reinterpret_cast<std::uintptr_t>(link) & 1U);
  return reinterpret_cast<const robust_list*>(reinterpret_cast<const char*>(link) - mark);
}

/// The length of the list that the kernel will walk when this thread dies: the truth, for when the count is in doubt.
std::size_t count_robust_list() noexcept {
  robust_list_head* head = nullptr;
  std::size_t size = 0;
  if (::syscall(SYS_get_robust_list, 0, &head, &size) < 0 || head == nullptr) return 0;
  std::size_t count = 0;
  for (const robust_list* entry = head->list.next; entry != &head->list && count < ROBUST_LIST_LIMIT; ++count)
    entry = without_mark(entry->next);
  return count;
}

bool may_hold_another() noexcept {
  if (held_here < RobustMutex::held_max) return true;
  held_here = count_robust_list();
  return held_here < RobustMutex::held_max;
}

/// A mutex of this thread alone, for what locking one does on the side.
class OwnMutex {
 public:
  OwnMutex() noexcept {
    pthread_mutexattr_t attributes;
    ::pthread_mutexattr_init(&attributes);
    ::pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    ::pthread_mutex_init(&mutex_, &attributes);
    ::pthread_mutexattr_destroy(&attributes);
  }
  OwnMutex(const OwnMutex&) = delete;
  OwnMutex& operator=(const OwnMutex&) = delete;
  ~OwnMutex() { ::pthread_mutex_destroy(&mutex_); }
  void lock_and_unlock() noexcept {
    ::pthread_mutex_lock(&mutex_);
    ::pthread_mutex_unlock(&mutex_);
  }

 private:
  pthread_mutex_t mutex_;
};

/// glibc (2.36) leaves the mutex in the thread's list_op_pending when a timed lock times out. At the thread's death the
/// kernel would look there for a lock, in memory that may be something else by then. The next lock of any robust mutex
/// overwrites it, and its end clears it.
void clear_pending_operation() noexcept {
  thread_local OwnMutex own;
  own.lock_and_unlock();
}

/// No pthread_mutex_trylock here: on a mutex that is not recoverable it says so and keeps it locked, where no death can free
/// it, so that all others wait for ever instead of being told. A time in the past makes clocklock try once.
int lock_until(pthread_mutex_t* mutex, Deadline deadline) noexcept {
  while (true) {
    const Deadline look_again = Deadline::after(RobustMutex::look_again).sooner(deadline);
    const int code = monotonic_lock(mutex, monotonic_time(look_again));
    if (code != ETIMEDOUT) return code;
    if (!deadline.passed()) continue;
    clear_pending_operation();
    return code;
  }
}

Error lock_error(int code) {
  Error error{code, "pthread_mutex_lock"};
  if (code != ENOTRECOVERABLE) return error;
  return std::move(error).with_hint(
      "a process took this lock after its holder's death and let it go without mark_consistent(): the data are as the "
      "dead "
      "one left them; end all users, repair the data and make the lock anew with create_in()");
}

}  // namespace

MutexGuard::MutexGuard(pthread_mutex_t* mutex, std::shared_ptr<ReadWriteMapping> memory) noexcept
    : mutex_{mutex}, memory_{std::move(memory)}, taken_by_{::pthread_self()} {
  ++held_here;
}

MutexGuard::MutexGuard(MutexGuard&& other) noexcept
    : mutex_{std::exchange(other.mutex_, nullptr)}, memory_{std::move(other.memory_)}, taken_by_{other.taken_by_} {}

MutexGuard& MutexGuard::operator=(MutexGuard&& other) noexcept {
  if (this == &other) return *this;
  release();
  mutex_ = std::exchange(other.mutex_, nullptr);
  memory_ = std::move(other.memory_);
  taken_by_ = other.taken_by_;
  return *this;
}

void MutexGuard::release() noexcept {
  if (mutex_ == nullptr) return;
  const int saved = errno;
  const int refused = ::pthread_mutex_unlock(std::exchange(mutex_, nullptr));
  // EPERM in the thread that took it: this is the copy of a forked child, which holds nothing.
  assert((refused == 0 || ::pthread_equal(taken_by_, ::pthread_self())) && "released by the thread that took it");
  static_cast<void>(refused);
  if (held_here > 0) --held_here;
  errno = saved;
}

MutexGuard OrphanedGuard::mark_consistent() && {
  [[maybe_unused]] const int refused = ::pthread_mutex_consistent(guard_.mutex_);
  assert(refused == 0 && "by the thread that took it, once");
  return std::move(guard_);
}

Result<RobustMutex> RobustMutex::create_in(SharedPlace place) {
  auto address = address_of(place, storage_bytes, "create a robust mutex");
  if (!address) return std::unexpected{address.error()};
  auto* storage = reinterpret_cast<Storage*>(*address);
  storage->mark.clear();
  std::memset(static_cast<void*>(&storage->mutex), 0, sizeof storage->mutex);

  pthread_mutexattr_t attributes;
  ::pthread_mutexattr_init(&attributes);
  ::pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  ::pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  ::pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_NORMAL);
  const int code = ::pthread_mutex_init(&storage->mutex, &attributes);
  ::pthread_mutexattr_destroy(&attributes);
  if (code != 0) return std::unexpected{Error{code, "pthread_mutex_init"}};

  storage->mark.set(mutex_mark);
  return RobustMutex{&storage->mutex, std::move(place.memory)};
}

Result<RobustMutex> RobustMutex::open_in(SharedPlace place) {
  auto address = address_of(place, storage_bytes, "open a robust mutex");
  if (!address) return std::unexpected{address.error()};
  auto* storage = reinterpret_cast<Storage*>(*address);
  if (!storage->mark.is(mutex_mark)) return std::unexpected{not_finished("open a robust mutex")};
  return RobustMutex{&storage->mutex, std::move(place.memory)};
}

template <class Call>
Result<LockOutcome> RobustMutex::lock_by(Call call) {
  if (!may_hold_another())
    return std::unexpected{
        Error{ENOLCK,
              "lock a robust mutex",
              {},
              "this thread holds " + std::to_string(held_here) +
                  " robust mutexes, and of a thread that dies the kernel frees 2048 at most; release some"}};
  const int code = call(mutex_);
  switch (code) {
    case 0:
      return MutexGuard{mutex_, memory_};
    case EOWNERDEAD:
      return OrphanedGuard{MutexGuard{mutex_, memory_}};
    case EBUSY:
    case ETIMEDOUT:
      return TimedOut{};
    default:
      return std::unexpected{lock_error(code)};
  }
}

Result<LockOutcome> RobustMutex::lock(Deadline deadline) {
  return lock_by([&](pthread_mutex_t* mutex) { return lock_until(mutex, deadline); });
}

Result<LockOutcome> RobustMutex::try_recoverable() {
  return lock_by([](pthread_mutex_t* mutex) { return ::pthread_mutex_trylock(mutex); });
}

}  // namespace ginnel
