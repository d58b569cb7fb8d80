#pragma once

#include <csignal>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "ginnel/core/deadline.hpp"
#include "ginnel/core/outcome.hpp"
#include "ginnel/core/process_id.hpp"
#include "ginnel/core/result.hpp"
#include "ginnel/core/unique_fd.hpp"

namespace ginnel {

/// `TERM`, `SIGTERM`, `15`, `RTMIN+1`, `SIGRTMAX-2`. Errors: EINVAL. Source: signal(7).
[[nodiscard]] Result<int> parse_signal(std::string_view text);
/// `SIGTERM`, `SIGRTMIN+1`; `signal 99` for what is none.
[[nodiscard]] std::string signal_name(int signal_number);

/// The receiver's queue is full (its user's RLIMIT_SIGPENDING): nothing was queued; a retry may go through.
struct QueueFull {};

/// Sends a signal with a value, to that process and no later owner of its pid. Standard signals (below SIGRTMIN) of one
/// number merge while pending, and their values with them; real-time ones queue, each with its value, in order.
/// Errors: EPERM, EINVAL. Source: sigqueue(3), pidfd_send_signal(2).
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
/// action. In a process of several threads all must block them: create it before the others start.
/// A child of fork(2) must make its own: an inherited signalfd, and above all an epoll that holds it, sees the parent's.
/// Source: signalfd(2).
class [[nodiscard]] SignalReceiver {
 public:
  /// Errors: EINVAL (no such signal, or SIGKILL or SIGSTOP, which cannot be received), EMFILE, ENFILE.
  [[nodiscard]] static Result<SignalReceiver> create(std::initializer_list<int> signals);

  SignalReceiver(SignalReceiver&& other) noexcept;
  SignalReceiver& operator=(SignalReceiver&&) = delete;
  ~SignalReceiver();

  [[nodiscard]] Result<Outcome<ReceivedSignal, TimedOut>> receive(Deadline deadline = Deadline::never());
  [[nodiscard]] int pollable() const noexcept { return fd_.get(); }

 private:
  SignalReceiver(UniqueFd fd, sigset_t previous) noexcept : fd_{std::move(fd)}, previous_mask_{previous} {}
  UniqueFd fd_;
  sigset_t previous_mask_;
};

/// How many signals are queued for this user, over all its processes, and how many may be. Source: proc(5), SigQ.
struct SignalQueueUse {
  std::uint64_t queued = 0;
  std::uint64_t limit = 0;
};
[[nodiscard]] Result<SignalQueueUse> signal_queue_use();

}  // namespace ginnel
