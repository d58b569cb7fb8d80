#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>

#include "ginnel/core/process_id.hpp"
#include "ginnel/measure/carrier.hpp"
#include "ginnel/sys/eventfd.hpp"
#include "ginnel/sys/futex.hpp"
#include "ginnel/sys/mapping.hpp"
#include "ginnel/sys/posix_semaphore.hpp"
#include "ginnel/sys/robust_mutex.hpp"
#include "ginnel/sys/shared_condition.hpp"
#include "ginnel/sys/sysv_semaphore.hpp"

// Ways to tell another process that something can be had: each counts what one side has posted and the other has not taken yet. A gate is
// made in its place before fork(2), and then one process posts and one waits.

namespace ginnel::measure {

/// Room for any gate, in a place of its own.
inline constexpr std::size_t gate_bytes = 256;

struct GatePlace {
  std::shared_ptr<ReadWriteMapping> memory;
  std::size_t offset = 0;
  [[nodiscard]] std::byte* address() const noexcept { return memory->bytes().data() + offset; }
};

/// A word that one side counts up and the other looks at without sleeping.
class SpinGate : public KeepsFailure {
 public:
  [[nodiscard]] static Result<SpinGate> make(GatePlace place, unsigned initial) {
    auto* const word = reinterpret_cast<FutexWord*>(place.address());
    word->store(initial);
    return SpinGate{word, initial};
  }
  [[nodiscard]] bool post() noexcept {
    posted_->store(++own_count_, std::memory_order_release);
    return true;
  }
  [[nodiscard]] bool wait() noexcept {
    while (posted_->load(std::memory_order_acquire) == taken_) {
    }
    ++taken_;
    return true;
  }

 private:
  SpinGate(FutexWord* posted, unsigned initial) noexcept : posted_{posted}, own_count_{initial} {}
  FutexWord* posted_;
  std::uint32_t own_count_;  ///< of the side that posts
  std::uint32_t taken_ = 0;  ///< by the side that waits
};

/// The same word, for which the other side sleeps.
class FutexGate : public KeepsFailure {
 public:
  [[nodiscard]] static Result<FutexGate> make(GatePlace place, unsigned initial) {
    auto* const words = reinterpret_cast<Words*>(place.address());
    words->posted.store(initial);
    return FutexGate{words, initial};
  }
  [[nodiscard]] bool post() {
    words_->posted.store(++own_count_, std::memory_order_seq_cst);
    if (words_->sleeping.load(std::memory_order_seq_cst) == 0) return true;
    auto woken = futex_wake(words_->posted, 1);
    return woken || fail(std::move(woken.error()));
  }
  [[nodiscard]] bool wait() {
    if (words_->posted.load(std::memory_order_acquire) == taken_ && !wait_asleep()) return false;
    ++taken_;
    return true;
  }

 private:
  /// The sleeper alone says whether it sleeps: were the one who posts to take it back, that could come after the next time, and nobody
  /// would be woken then.
  [[nodiscard]] bool wait_asleep() {
    words_->sleeping.store(1, std::memory_order_seq_cst);
    while (words_->posted.load(std::memory_order_seq_cst) == taken_)
      if (auto slept = futex_wait(words_->posted, taken_); !slept) return fail(std::move(slept.error()));
    words_->sleeping.store(0, std::memory_order_relaxed);
    return true;
  }

  struct Words {
    FutexWord posted;
    FutexWord sleeping;
  };
  FutexGate(Words* words, unsigned initial) noexcept : words_{words}, own_count_{initial} {}
  Words* words_;
  std::uint32_t own_count_;
  std::uint32_t taken_ = 0;
};

class PosixSemaphoreGate : public KeepsFailure {
 public:
  [[nodiscard]] static Result<PosixSemaphoreGate> make(const GatePlace& place, unsigned initial) {
    auto semaphore = PosixSemaphore::create_in(place.memory, place.offset, initial);
    if (!semaphore) return std::unexpected{std::move(semaphore.error())};
    return PosixSemaphoreGate{std::move(*semaphore)};
  }
  [[nodiscard]] bool post() {
    auto posted = semaphore_.post();
    return posted || fail(std::move(posted.error()));
  }
  [[nodiscard]] bool wait() {
    auto waited = semaphore_.wait();
    return waited || fail(std::move(waited.error()));
  }

 private:
  explicit PosixSemaphoreGate(PosixSemaphore semaphore) noexcept : semaphore_{std::move(semaphore)} {}
  PosixSemaphore semaphore_;
};

/// Removed by the process that made it.
class SysvSemaphoreGate : public KeepsFailure {
 public:
  [[nodiscard]] static Result<SysvSemaphoreGate> make(const GatePlace&, unsigned initial) {
    const auto value = static_cast<unsigned short>(initial);
    auto set = SysvSemaphoreSet::create(std::nullopt, {&value, 1});
    if (!set) return std::unexpected{std::move(set.error())};
    const auto self = Process::self();
    if (!self) return std::unexpected{self.error()};
    return SysvSemaphoreGate{*set, self->pid()};
  }
  SysvSemaphoreGate(SysvSemaphoreGate&& other) noexcept : set_{other.set_}, maker_{std::exchange(other.maker_, 0)} {}
  SysvSemaphoreGate& operator=(SysvSemaphoreGate&&) = delete;
  ~SysvSemaphoreGate() {
    const auto self = Process::self();
    if (self && self->pid() == maker_) (void)set_.remove();
  }
  [[nodiscard]] bool post() { return change(1); }
  [[nodiscard]] bool wait() { return change(-1); }

 private:
  SysvSemaphoreGate(SysvSemaphoreSet set, int maker) noexcept : set_{set}, maker_{maker} {}
  [[nodiscard]] bool change(short by) {
    const SemaphoreStep step{.index = 0, .change = by};
    auto done = set_.operate({&step, 1});
    if (!done) return fail(std::move(done.error()));
    return done->is<Done>() || fail(Error{EIDRM, "semop", "the set was removed"});
  }
  SysvSemaphoreSet set_;
  int maker_;
};

class EventfdGate : public KeepsFailure {
 public:
  [[nodiscard]] static Result<EventfdGate> make(const GatePlace&, unsigned initial) {
    auto event = Eventfd::create({.initial = initial, .semaphore = true});
    if (!event) return std::unexpected{std::move(event.error())};
    return EventfdGate{std::move(*event)};
  }
  [[nodiscard]] bool post() {
    auto added = event_.add();
    return added || fail(std::move(added.error()));
  }
  [[nodiscard]] bool wait() {
    auto taken = event_.take();
    return taken || fail(std::move(taken.error()));
  }

 private:
  explicit EventfdGate(Eventfd event) noexcept : event_{std::move(event)} {}
  Eventfd event_;
};

/// A count under a mutex, and a condition to wait for it.
class ConditionGate : public KeepsFailure {
 public:
  [[nodiscard]] static Result<ConditionGate> make(const GatePlace& place, unsigned initial) {
    auto mutex = RobustMutex::create_in({place.memory, place.offset});
    if (!mutex) return std::unexpected{std::move(mutex.error())};
    auto condition = SharedCondition::create_in({place.memory, place.offset + RobustMutex::storage_bytes});
    if (!condition) return std::unexpected{std::move(condition.error())};
    auto* const count = reinterpret_cast<std::uint32_t*>(place.address() + 2 * RobustMutex::storage_bytes);
    *count = initial;
    return ConditionGate{std::move(*mutex), std::move(*condition), count};
  }
  [[nodiscard]] bool post() {
    {
      auto lock = locked();
      if (!lock) return false;
      ++*count_;
    }
    auto told = condition_.notify();
    return told || fail(std::move(told.error()));
  }
  [[nodiscard]] bool wait() {
    auto lock = locked();
    if (!lock) return false;
    while (*count_ == 0) {
      auto waited = condition_.wait(mutex_, std::move(*lock));
      if (!waited) return fail(std::move(waited.error()));
      auto* const guard = waited->lock.get_if<MutexGuard>();
      if (guard == nullptr) return fail(Error{EOWNERDEAD, "condition"});
      *lock = std::move(*guard);
    }
    --*count_;
    return true;
  }

 private:
  ConditionGate(RobustMutex mutex, SharedCondition condition, std::uint32_t* count) noexcept
      : mutex_{std::move(mutex)}, condition_{std::move(condition)}, count_{count} {}
  [[nodiscard]] std::optional<MutexGuard> locked() {
    auto lock = mutex_.lock();
    if (!lock) return fail(std::move(lock.error())), std::nullopt;
    auto* const guard = lock->get_if<MutexGuard>();
    if (guard == nullptr) return fail(Error{EOWNERDEAD, "mutex"}), std::nullopt;
    return std::move(*guard);
  }
  RobustMutex mutex_;
  SharedCondition condition_;
  std::uint32_t* count_;
};

}  // namespace ginnel::measure
