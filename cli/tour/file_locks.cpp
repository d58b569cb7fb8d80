#include <algorithm>
#include <memory>
#include <optional>
#include <string>

#include "ginnel/sys/file_lock.hpp"
#include "tour/shared_words.hpp"
#include "tour/stops.hpp"

// File locks: on whole files as flock(1) takes them, and on ranges of bytes.

namespace ginnel::cli::tour {

void visit_flock(Visit& visit) {
  const std::string path = visit.names().path("flock");
  const auto try_lock = [&](LockMode mode) { return FileLock::acquire(path, mode, Deadline::immediately()); };
  {
    const auto mine = must_be<FileLock>(try_lock(LockMode::shared));
    Partner other{visit, [&](Line&) {
                    (void)must_be<FileLock>(try_lock(LockMode::shared));
                    (void)must_be<TimedOut>(try_lock(LockMode::exclusive));
                  }};
    other.finish();
    visit.guarantee("shared with sharers, else exclusive", std::nullopt);
  }
  time_hand_overs(visit, [&]() -> WithLock {
    return [&](const std::function<void()>& inside) {
      const auto lock = must_be<FileLock>(FileLock::acquire(path, LockMode::exclusive));
      inside();
    };
  });
  Partner holder{visit, [&](Line& line) {
                   const auto lock = must_be<FileLock>(try_lock(LockMode::exclusive));
                   line.ready();
                   line.stay();
                 }};
  holder.wait_until_ready();
  visit.guarantee("one holder at a time", judge_is<TimedOut>(try_lock(LockMode::exclusive)));
  const auto known = must(lock_holders(path)).holders;
  visit.guarantee("the holder is named",
                  judge_outcome("the holder's pid", std::ranges::any_of(known, [&](const LockHolder& held) {
                                  return held.pid == holder.process().pid();
                                })));
  holder.kill();
  visit.at_peer_death("the lock is free at once", judge_is<FileLock>(try_lock(LockMode::exclusive)));
}

void visit_range_lock(Visit& visit) {
  constexpr ByteRange first{0, 100};
  constexpr ByteRange second{100, 100};
  constexpr ByteRange across{50, 100};
  const std::string path = visit.names().path("ranges");
  time_hand_overs(visit, [&]() -> WithLock {
    // Of each process's own: a forked copy would be the same owner.
    const auto locks = std::make_shared<RangeLocks>(must(RangeLocks::open(path)));
    return [locks, first](const std::function<void()>& inside) {
      (void)must_be<Done>(locks->lock(first, LockMode::exclusive));
      inside();
      must(locks->unlock(first));
    };
  });
  Partner holder{visit, [&](Line& line) {
                   auto locks = must(RangeLocks::open(path));
                   (void)must_be<Done>(locks.lock(first, LockMode::exclusive, Deadline::immediately()));
                   line.ready();
                   line.stay();
                 }};
  holder.wait_until_ready();
  auto locks = must(RangeLocks::open(path));
  visit.guarantee("ranges apart do not meet",
                  judge_is<Done>(locks.lock(second, LockMode::exclusive, Deadline::immediately())));
  visit.guarantee("those that overlap do",
                  judge_is<TimedOut>(locks.lock(across, LockMode::exclusive, Deadline::immediately())));
  const auto conflict = must(locks.conflict(across, LockMode::shared));
  visit.guarantee("the range in the way is told", judge_outcome("bytes 0 to 99", conflict && conflict->range == first));
  holder.kill();
  visit.at_peer_death("its ranges are free at once",
                      judge_is<Done>(locks.lock(across, LockMode::exclusive, Deadline::immediately())));
}

}  // namespace ginnel::cli::tour
