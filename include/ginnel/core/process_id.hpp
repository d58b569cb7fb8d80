#pragma once

#include <sys/types.h>

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "ginnel/core/deadline.hpp"
#include "ginnel/core/outcome.hpp"
#include "ginnel/core/result.hpp"
#include "ginnel/core/unique_fd.hpp"

namespace ginnel {

/// Which process, in a form that survives the reuse of its number and can be written down and compared later.
/// A bare pid names whoever has it now: with clone3(set_tid) a number is reused on demand.
struct ProcessIdentity {
  pid_t pid = 0;                    ///< as seen from the reader's pid namespace
  std::uint64_t start_ticks = 0;    ///< start time in clock ticks since boot; field 22 of /proc/PID/stat
  std::uint64_t pid_namespace = 0;  ///< inode of /proc/PID/ns/pid; 0 where it may not be read
  std::string boot_id;              ///< /proc/sys/kernel/random/boot_id

  /// Errors: ESRCH (no such process). Source: proc(5).
  [[nodiscard]] static Result<ProcessIdentity> of(pid_t pid);
  [[nodiscard]] static Result<ProcessIdentity> self();

  /// `PID:START:PIDNS:BOOT-ID`; parse() reads it back. Errors of parse: EINVAL.
  [[nodiscard]] std::string to_string() const;
  [[nodiscard]] static Result<ProcessIdentity> parse(std::string_view text);

  auto operator<=>(const ProcessIdentity&) const = default;
};

/// How a process ended.
struct ExitStatus {
  enum class How { exited, killed };
  How how = How::exited;
  int value = 0;  ///< exit code, or the number of the signal
  bool core_dumped = false;

  [[nodiscard]] bool success() const noexcept { return how == How::exited && value == 0; }
  /// `exit 3` or `killed by SIGTERM`.
  [[nodiscard]] std::string to_string() const;
  auto operator<=>(const ExitStatus&) const = default;
};

/// A process held by a pidfd: `alive`, `wait` and `signal` reach that process or nobody, never a later owner of its number.
/// Thread-safe apart from moves. After fork the child has a handle of its own to the same process, but cannot collect
/// the exit status of what is now its sibling. Source: pidfd_open(2), pidfd_send_signal(2).
class [[nodiscard]] Process {
 public:
  /// Errors: ESRCH (no such process), EINVAL (pid <= 0, or a thread that leads no process), EMFILE, ENFILE.
  [[nodiscard]] static Result<Process> open(pid_t pid);
  /// Only if it is still that one. Errors: ESRCH when it is gone and its number free or reused; as open(pid).
  [[nodiscard]] static Result<Process> open(const ProcessIdentity& identity);
  /// Takes a pidfd that came from elsewhere (SO_PEERPIDFD, SCM_RIGHTS, CLONE_PIDFD); on an error it stays the caller's.
  /// Errors: EBADF (not a pidfd), ESRCH (already dead and collected: no identity is left to read), EMFILE, ENFILE.
  [[nodiscard]] static Result<Process> adopt(UniqueFd&& pidfd);
  [[nodiscard]] static Result<Process> self();

  [[nodiscard]] const ProcessIdentity& identity() const noexcept { return identity_; }
  [[nodiscard]] pid_t pid() const noexcept { return identity_.pid; }
  /// Readable (POLLIN) once the process has ended, for epoll.
  [[nodiscard]] int pollable() const noexcept { return pidfd_.get(); }

  /// False once it has ended, whether or not its parent has collected it. Death is believed only when the kernel says it:
  /// where poll(2) refuses (EINVAL under RLIMIT_NOFILE 0, ENOMEM) the process counts as alive.
  [[nodiscard]] bool alive() const noexcept;
  /// Waits for its end. Any process may be waited for; nothing is collected, so the parent still can.
  [[nodiscard]] Result<Outcome<Done, TimedOut>> wait(Deadline deadline = Deadline::never()) const;
  /// Waits for the end of a child and collects it. Errors: ECHILD (no child of the caller, or already collected).
  [[nodiscard]] Result<Outcome<ExitStatus, TimedOut>> collect(Deadline deadline = Deadline::never());
  /// Sends a signal; 0 only checks. PeerGone when the process has ended. Errors: EPERM, EINVAL (no such signal).
  [[nodiscard]] Result<Outcome<Done, PeerGone>> signal(int signal_number) const;

 private:
  Process(ProcessIdentity identity, UniqueFd pidfd) noexcept
      : identity_{std::move(identity)}, pidfd_{std::move(pidfd)} {}
  ProcessIdentity identity_;
  UniqueFd pidfd_;
};

}  // namespace ginnel
