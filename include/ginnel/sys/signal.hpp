#pragma once

#include <pthread.h>

#include <csignal>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "ginnel/core/deadline.hpp"
#include "ginnel/core/outcome.hpp"
#include "ginnel/core/process_id.hpp"
#include "ginnel/core/result.hpp"
#include "ginnel/core/unique_fd.hpp"

namespace ginnel {

/// `TERM`, `SIGTERM`, `sigterm`, `15`, `RTMIN+1`, `SIGRTMAX-2`. Errors: EINVAL (no such signal, or one that the C library
/// keeps for itself). Source: signal(7).
[[nodiscard]] Result<int> parse_signal(std::string_view text);
/// `SIGTERM`, `SIGRTMIN+1`; `signal 99` for what is none.
[[nodiscard]] std::string signal_name(int signal_number);

/// The receiver's queue is full (its user's RLIMIT_SIGPENDING): nothing was queued; a retry may go through.
struct QueueFull {};

/// Sends a signal with a value, to that process and no later owner of its pid. Standard signals (below SIGRTMIN) of one
/// number merge while pending, and their values with them, and arrive without the value when the queue is full; real-time
/// ones queue, each with its value, in order. Signal 0 is sent nowhere and only checks. Thread-safe.
/// PeerGone also for a process that has ended and that its parent has not collected.
/// Errors: EPERM (another user's process, without CAP_KILL), EINVAL. Source: sigqueue(3), pidfd_send_signal(2).
[[nodiscard]] Result<Outcome<Done, PeerGone, QueueFull>> send_signal(const Process& process, int signal_number,
                                                                     int value = 0);

struct ReceivedSignal {
  int number = 0;
  int value = 0;
  pid_t claimed_pid = 0;  ///< of the sender: written by it for sigqueue(3), so never a proof of who it was
  uid_t claimed_uid = 0;  ///< the same
  int code = 0;           ///< si_code: SI_USER, SI_QUEUE, SI_TKILL, SI_TIMER, …
};

/// Signals as messages, through a signalfd. The calling thread's mask is set so that they are not delivered otherwise, and
/// restored at destruction, which must happen in the same thread; signals that are still pending then take their default
/// action. Restored means: what this receiver blocked is unblocked, all else in the mask stays as it is then. Receivers
/// that share a signal are destroyed in the reverse order of their creation.
/// In a process of several threads all must block the signals: create it before the others start. Signals raised by a
/// fault of the thread itself (SIGSEGV, SIGBUS, SIGFPE, SIGILL) cannot be received this way.
/// After fork(2) the child receives its own signals through the inherited descriptor; an epoll that holds it, though, goes
/// on watching the parent's, so the child makes a new receiver and a new epoll. Source: signalfd(2).
class [[nodiscard]] SignalReceiver {
 public:
  /// Errors: EINVAL (no such signal, or SIGKILL or SIGSTOP, which cannot be received), EMFILE, ENFILE. On an error the mask
  /// is as before.
  [[nodiscard]] static Result<SignalReceiver> create(std::span<const int> signals);
  [[nodiscard]] static Result<SignalReceiver> create(std::initializer_list<int> signals) {
    return create(std::span{signals.begin(), signals.size()});
  }

  SignalReceiver(SignalReceiver&& other) noexcept;
  SignalReceiver& operator=(SignalReceiver&&) = delete;
  ~SignalReceiver();

  /// The next signal: of several pending ones that with the lowest number, and of one number the oldest.
  [[nodiscard]] Result<Outcome<ReceivedSignal, TimedOut>> receive(Deadline deadline = Deadline::never());
  /// Readable while a signal waits, for epoll. Non-blocking and close-on-exec.
  [[nodiscard]] int pollable() const noexcept { return fd_.get(); }

 private:
  SignalReceiver(UniqueFd fd, sigset_t newly_blocked, pthread_t thread) noexcept
      : fd_{std::move(fd)}, newly_blocked_{newly_blocked}, thread_{thread} {}
  UniqueFd fd_;
  sigset_t newly_blocked_;
  pthread_t thread_;
};

/// How many signals are queued for the real user of this process, over all its processes, and how many may be before one
/// to this process is refused (its RLIMIT_SIGPENDING). Source: proc(5), SigQ.
struct SignalQueueUse {
  std::uint64_t queued = 0;
  std::uint64_t limit = 0;
};
[[nodiscard]] Result<SignalQueueUse> signal_queue_use();

}  // namespace ginnel
