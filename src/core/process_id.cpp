#include "ginnel/core/process_id.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <climits>
#include <csignal>
#include <cstring>

namespace ginnel {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view identity_form =
    "expected PID:START:PIDNS:BOOT-ID, as ProcessIdentity::to_string() writes it";

/// A small file of /proc, whole: those served in one read have no state between reads.
Result<std::string> read_proc_file(const std::string& path) {
  UniqueFd file;
  do file = UniqueFd{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  while (!file.valid() && errno == EINTR);
  if (!file.valid()) return std::unexpected{Error::last("open", path)};

  std::array<char, 4096> buffer{};
  ssize_t length = 0;
  do length = ::read(file.get(), buffer.data(), buffer.size());
  while (length < 0 && errno == EINTR);
  if (length < 0) return std::unexpected{Error::last("read", path)};
  return std::string{buffer.data(), static_cast<std::size_t>(length)};
}

template <class Number>
bool take_number(std::string_view& text, Number& number) {
  const auto [rest, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (fault != std::errc{}) return false;
  text.remove_prefix(static_cast<std::size_t>(rest - text.data()));
  return true;
}

bool take_colon(std::string_view& text) {
  if (text.empty() || text.front() != ':') return false;
  text.remove_prefix(1);
  return true;
}

/// Field 22 of /proc/PID/stat. The command name, field 2, stands in parentheses and may itself hold spaces and
/// parentheses, so fields are counted from the last closing one.
bool parse_start_ticks(std::string_view stat, std::uint64_t& ticks) {
  const auto name_end = stat.rfind(')');
  if (name_end == std::string_view::npos) return false;
  stat.remove_prefix(name_end + 1);
  constexpr int spaces_before_start_time = 20;
  for (int i = 0; i < spaces_before_start_time; ++i) {
    const auto space = stat.find(' ');
    if (space == std::string_view::npos) return false;
    stat.remove_prefix(space + 1);
  }
  return take_number(stat, ticks);
}

Error no_such_process(std::string_view operation, pid_t pid) {
  return Error{ESRCH, operation, "pid " + std::to_string(pid), "no process has this pid (any more)"};
}

Result<UniqueFd> open_pidfd(pid_t pid) {
  UniqueFd pidfd{static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))};
  if (!pidfd.valid() && errno == ESRCH) return std::unexpected{no_such_process("pidfd_open", pid)};
  if (!pidfd.valid()) return std::unexpected{Error::last("pidfd_open", "pid " + std::to_string(pid))};
  return pidfd;
}

/// The pid behind a pidfd as the reader's pid namespace sees it; -1 once the process has been collected.
Result<pid_t> pid_of(int pidfd) {
  auto info = read_proc_file("/proc/self/fdinfo/" + std::to_string(pidfd));
  if (!info) return std::unexpected{info.error()};
  constexpr std::string_view label = "\nPid:\t";
  const auto at = info->find(label);
  pid_t pid = 0;
  std::string_view text = *info;
  if (at != std::string::npos) text.remove_prefix(at + label.size());
  if (at == std::string::npos || !take_number(text, pid))
    return std::unexpected{
        Error{EBADF, "read a pidfd", "fd " + std::to_string(pidfd), "this descriptor is not a pidfd"}};
  return pid;
}

/// poll(2) takes whole milliseconds: rounded up, so that a wait never ends before its deadline.
int poll_timeout_ms(Deadline deadline) {
  if (deadline.is_never()) return -1;
  const auto whole = std::chrono::ceil<std::chrono::milliseconds>(deadline.remaining()).count();
  return whole > INT_MAX ? INT_MAX : static_cast<int>(whole);
}

}  // namespace

Result<ProcessIdentity> ProcessIdentity::of(pid_t pid) {
  const std::string folder = "/proc/" + std::to_string(pid);
  auto stat = read_proc_file(folder + "/stat");
  if (!stat) {
    const int code = stat.error().code();
    if (code == ENOENT || code == ESRCH) return std::unexpected{no_such_process("identify", pid)};
    return std::unexpected{stat.error()};
  }
  auto boot = read_proc_file("/proc/sys/kernel/random/boot_id");
  if (!boot) return std::unexpected{boot.error()};
  if (boot->ends_with('\n')) boot->pop_back();

  ProcessIdentity identity;
  identity.pid = pid;
  identity.boot_id = std::move(*boot);
  if (!parse_start_ticks(*stat, identity.start_ticks))
    return std::unexpected{Error{EPROTO, "identify", folder + "/stat", "not of the form of proc(5)"}};
  struct stat ns{};
  if (::stat((folder + "/ns/pid").c_str(), &ns) == 0) identity.pid_namespace = ns.st_ino;
  return identity;
}

Result<ProcessIdentity> ProcessIdentity::self() { return of(::getpid()); }

std::string ProcessIdentity::to_string() const {
  return std::to_string(pid) + ':' + std::to_string(start_ticks) + ':' + std::to_string(pid_namespace) + ':' + boot_id;
}

Result<ProcessIdentity> ProcessIdentity::parse(std::string_view text) {
  ProcessIdentity identity;
  std::string_view rest = text;
  const bool numbers = take_number(rest, identity.pid) && take_colon(rest) && take_number(rest, identity.start_ticks) &&
                       take_colon(rest) && take_number(rest, identity.pid_namespace) && take_colon(rest);
  constexpr std::size_t uuid_length = 36;
  if (!numbers || identity.pid <= 0 || rest.size() != uuid_length ||
      rest.find_first_not_of("0123456789abcdef-") != std::string_view::npos)
    return std::unexpected{Error{EINVAL, "process identity", text, identity_form}};
  identity.boot_id = rest;
  return identity;
}

std::string ExitStatus::to_string() const {
  if (how == How::exited) return "exit " + std::to_string(value);
  const char* name = ::sigabbrev_np(value);
  std::string text = "killed by ";
  if (name != nullptr) {
    text.append("SIG").append(name);
  } else if (value >= SIGRTMIN && value <= SIGRTMAX) {
    text.append("SIGRTMIN+").append(std::to_string(value - SIGRTMIN));
  } else {
    text.append("signal ").append(std::to_string(value));
  }
  return core_dumped ? text + " (core dumped)" : text;
}

Result<Process> Process::open(pid_t pid) {
  auto pidfd = open_pidfd(pid);
  if (!pidfd) return std::unexpected{pidfd.error()};
  auto identity = ProcessIdentity::of(pid);
  if (!identity) return std::unexpected{identity.error()};
  // The identity was read by number: it is that of the pidfd only if the number still belongs to the pidfd's process now.
  auto still = pid_of(pidfd->get());
  if (!still) return std::unexpected{still.error()};
  if (*still != pid) return std::unexpected{no_such_process("pidfd_open", pid)};
  return Process{std::move(*identity), std::move(*pidfd)};
}

Result<Process> Process::open(const ProcessIdentity& identity) {
  // A pid namespace that could not be read, then or now, speaks neither for nor against.
  const auto known = [](const ProcessIdentity& a, const ProcessIdentity& b) {
    return a.pid_namespace != 0 && b.pid_namespace != 0;
  };
  const auto same = [&](const ProcessIdentity& a, const ProcessIdentity& b) {
    return a.pid == b.pid && a.start_ticks == b.start_ticks && a.boot_id == b.boot_id &&
           (!known(a, b) || a.pid_namespace == b.pid_namespace);
  };
  auto process = open(identity.pid);
  if (!process) return process;
  if (!same(process->identity_, identity))
    return std::unexpected{
        Error{ESRCH, "pidfd_open", identity.to_string(), "that process is gone and its pid belongs to another"}};
  return process;
}

Result<Process> Process::adopt(UniqueFd&& pidfd) {
  auto pid = pid_of(pidfd.get());
  if (!pid) return std::unexpected{pid.error()};
  if (*pid <= 0)
    return std::unexpected{Error{ESRCH, "adopt a pidfd", "fd " + std::to_string(pidfd.get()),
                                 *pid == 0 ? "its process lives in a pid namespace that cannot be seen from here"
                                           : "its process has ended and was collected"}};
  auto identity = ProcessIdentity::of(*pid);
  if (!identity) return std::unexpected{identity.error()};
  auto still = pid_of(pidfd.get());
  if (!still) return std::unexpected{still.error()};
  if (*still != *pid) return std::unexpected{no_such_process("adopt a pidfd", *pid)};
  return Process{std::move(*identity), std::move(pidfd)};
}

Result<Process> Process::self() { return open(::getpid()); }

bool Process::alive() const noexcept {
  pollfd ended{.fd = pidfd_.get(), .events = POLLIN, .revents = 0};
  int ready = 0;
  do ready = ::poll(&ended, 1, 0);
  while (ready < 0 && errno == EINTR);
  return ready <= 0;
}

Result<Outcome<Done, TimedOut>> Process::wait(Deadline deadline) const {
  pollfd ended{.fd = pidfd_.get(), .events = POLLIN, .revents = 0};
  while (true) {
    const int ready = ::poll(&ended, 1, poll_timeout_ms(deadline));
    if (ready > 0) return Done{};
    if (ready < 0 && errno != EINTR) return std::unexpected{Error::last("poll", "pid " + std::to_string(pid()))};
    if (deadline.passed()) return TimedOut{};
  }
}

Result<Outcome<ExitStatus, TimedOut>> Process::collect(Deadline deadline) {
  if (!deadline.is_never()) {  // otherwise waitid itself waits
    auto ended = wait(deadline);
    if (!ended) return std::unexpected{ended.error()};
    if (ended->is<TimedOut>()) return TimedOut{};
  }
  siginfo_t info{};
  int result = 0;
  do result = ::waitid(P_PIDFD, static_cast<id_t>(pidfd_.get()), &info, WEXITED);
  while (result < 0 && errno == EINTR);
  if (result < 0) return std::unexpected{Error::last("waitid", "pid " + std::to_string(pid()))};
  return ExitStatus{.how = info.si_code == CLD_EXITED ? ExitStatus::How::exited : ExitStatus::How::killed,
                    .value = info.si_status,
                    .core_dumped = info.si_code == CLD_DUMPED};
}

Result<Outcome<Done, PeerGone>> Process::signal(int signal_number) const {
  if (!alive()) return PeerGone{};  // the kernel takes signals for one that has ended and is not collected yet
  if (::syscall(SYS_pidfd_send_signal, pidfd_.get(), signal_number, nullptr, 0) == 0) return Done{};
  if (errno == ESRCH) return PeerGone{};
  return std::unexpected{Error::last("pidfd_send_signal", "pid " + std::to_string(pid()))};
}

}  // namespace ginnel
