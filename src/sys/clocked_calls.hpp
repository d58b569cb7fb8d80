#pragma once

#include <pthread.h>
#include <semaphore.h>

#include <cerrno>
#include <ctime>

#if defined(__SANITIZE_THREAD__) && !defined(__clang__) && __GNUC__ < 13
#define GINNEL_TSAN_MISSES_CLOCKED_CALLS
#include <sanitizer/tsan_interface.h>  // allowed: the compiler's own runtime, in a build for it
#endif

// Waits with a deadline on CLOCK_MONOTONIC. The ThreadSanitizer of g++ 12 does not see these calls, and would take what they
// protect for unprotected: there it is told.

namespace ginnel {

/// As pthread_mutex_clocklock(3).
inline int monotonic_lock(pthread_mutex_t* mutex, const timespec& until) noexcept {
#ifdef GINNEL_TSAN_MISSES_CLOCKED_CALLS
  __tsan_mutex_pre_lock(mutex, __tsan_mutex_try_lock);
  const int code = ::pthread_mutex_clocklock(mutex, CLOCK_MONOTONIC, &until);
  const bool locked = code == 0 || code == EOWNERDEAD;
  __tsan_mutex_post_lock(mutex, __tsan_mutex_try_lock | (locked ? 0U : __tsan_mutex_try_lock_failed), 0);
  return code;
#else
  return ::pthread_mutex_clocklock(mutex, CLOCK_MONOTONIC, &until);
#endif
}

/// As sem_clockwait(3): -1 and errno.
inline int monotonic_wait(sem_t* semaphore, const timespec& until) noexcept {
  const int result = ::sem_clockwait(semaphore, CLOCK_MONOTONIC, &until);
#ifdef GINNEL_TSAN_MISSES_CLOCKED_CALLS
  if (result == 0) __tsan_acquire(semaphore);
#endif
  return result;
}

}  // namespace ginnel
