#include "ginnel/sys/call_counter.hpp"

#include <sys/ptrace.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <optional>
#include <string>

#include "system_call.hpp"

namespace ginnel {
namespace {

constexpr int call_stop = SIGTRAP | 0x80;  ///< what PTRACE_O_TRACESYSGOOD makes of a stop at a system call

struct Traced {
  pid_t pid = 0;
  bool inside = false;  ///< between the entry and the exit of a call
  std::optional<ExitStatus> ended{};
};

std::string name_of(pid_t pid) { return "pid " + std::to_string(pid); }

ExitStatus status_of(int status) {
  if (WIFEXITED(status)) return {.how = ExitStatus::How::exited, .value = WEXITSTATUS(status)};
  return {.how = ExitStatus::How::killed, .value = WTERMSIG(status), .core_dumped = WCOREDUMP(status) != 0};
}

/// And is not collected.
bool has_ended(pid_t pid) noexcept {
  siginfo_t told{};
  return ::waitid(P_PID, static_cast<id_t>(pid), &told, WEXITED | WNOHANG | WNOWAIT) == 0 && told.si_pid == pid;
}

/// One that has ended is left for look().
Result<void> seize(pid_t pid) {
  const auto options = static_cast<unsigned long>(PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
  if (::ptrace(PTRACE_SEIZE, pid, nullptr, options) < 0) {
    Error error = Error::last("ptrace PTRACE_SEIZE", name_of(pid));
    if (has_ended(pid)) return {};
    return std::unexpected{std::move(error)};
  }
  if (::ptrace(PTRACE_INTERRUPT, pid, nullptr, nullptr) < 0 && errno != ESRCH)
    return std::unexpected{Error::last("ptrace PTRACE_INTERRUPT", name_of(pid))};
  return {};
}

void go_on(pid_t pid, int signal_number) {
  // ESRCH: it was killed while it stood; its end is told by the next wait.
  ::ptrace(PTRACE_SYSCALL, pid, nullptr, static_cast<unsigned long>(signal_number));
}

/// A stop that was seen: counts an entry, and gives the signal to deliver.
int handle_stop(Traced& traced, int status, std::size_t place, const std::function<void(std::size_t)>& entered) {
  const int signal_number = WSTOPSIG(status);
  const bool is_event = (status >> 16) != 0;
  if (signal_number == call_stop) {
    traced.inside = !traced.inside;
    if (traced.inside) entered(place);
    return 0;
  }
  return is_event ? 0 : signal_number;
}

void end_all(std::vector<Traced>& all) {
  for (const Traced& traced : all) {
    if (traced.ended) continue;
    ::kill(traced.pid, SIGKILL);
    retry_interrupted([&] { return ::waitpid(traced.pid, nullptr, __WALL); });
  }
}

/// One round over those that live; whether anything was seen.
Result<bool> look(std::vector<Traced>& all, const std::function<void(std::size_t)>& entered) {
  bool seen = false;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (all[i].ended) continue;
    int status = 0;
    const pid_t found = retry_interrupted([&] { return ::waitpid(all[i].pid, &status, __WALL | WNOHANG); });
    if (found < 0) return std::unexpected{Error::last("waitpid", name_of(all[i].pid))};
    if (found == 0) continue;
    seen = true;
    if (WIFSTOPPED(status))
      go_on(all[i].pid, handle_stop(all[i], status, i, entered));
    else
      all[i].ended = status_of(status);
  }
  return seen;
}

}  // namespace

Result<Outcome<std::vector<ExitStatus>, TimedOut>> count_calls(std::span<Process> children,
                                                               const std::function<void(std::size_t)>& entered,
                                                               Deadline deadline) {
  std::vector<Traced> all;
  for (const Process& child : children) all.push_back({.pid = child.pid()});
  for (const Traced& traced : all)
    if (auto seized = seize(traced.pid); !seized) {
      end_all(all);
      return std::unexpected{std::move(seized.error())};
    }
  const auto living = [&] {
    std::size_t count = 0;
    for (const Traced& traced : all) count += traced.ended ? 0 : 1;
    return count;
  };
  Backoff backoff{std::chrono::milliseconds{1}};
  while (living() > 0) {
    auto seen = look(all, entered);
    if (!seen || (deadline.passed() && living() > 0)) {
      end_all(all);
      if (!seen) return std::unexpected{std::move(seen.error())};
      return TimedOut{};
    }
    if (*seen)
      backoff = Backoff{std::chrono::milliseconds{1}};
    else
      backoff.pause(deadline);
  }
  std::vector<ExitStatus> statuses;
  for (const Traced& traced : all) statuses.push_back(*traced.ended);
  return statuses;
}

}  // namespace ginnel
