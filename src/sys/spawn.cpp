#include "ginnel/sys/spawn.hpp"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <string>
#include <string_view>

#include "ginnel/core/unique_fd.hpp"
#include "ginnel/sys/io.hpp"
#include "ginnel/sys/pipe.hpp"
#include "kernel_setting.hpp"
#include "system_call.hpp"

// A child of a process with threads may only make async-signal-safe calls until it has become the new program: another
// thread may have held the allocator's lock at the moment of the fork. So everything is made ready in a Plan first, and
// the child only walks it.

namespace ginnel {
namespace {

enum class Step : int { none, setns, unshare, user_map, close_others, copy, descriptors, parent_death, execve };

constexpr const char* name_of(Step step) {
  switch (step) {
    case Step::none:
      return "spawn";
    case Step::setns:
      return "setns";
    case Step::unshare:
      return "unshare";
    case Step::user_map:
      return "write /proc/self/uid_map";
    case Step::close_others:
      return "close_range";
    case Step::copy:
      return "fcntl F_DUPFD_CLOEXEC";
    case Step::descriptors:
      return "dup2";
    case Step::parent_death:
      return "prctl PR_SET_PDEATHSIG";
    case Step::execve:
      return "execve";
  }
  return "spawn";
}

/// What the child says over the report pipe when it cannot become the program.
struct Failure {
  Step step = Step::none;
  int code = 0;
};

struct Plan {
  std::vector<std::string> candidates;  // paths of the program, in the order of PATH
  std::vector<std::string> environment;
  std::vector<char*> argv;
  std::vector<char*> envp;
  std::vector<const char*> paths;
  std::vector<std::pair<int, int>> descriptors;  // {from, number there}
  std::vector<int> duplicates;                   // room for a copy of each `from`
  int first_free = 3;                            // above all numbers that the child is to get
  std::vector<int> namespaces;
  int unshare_flags = 0;
  bool map_root_user = false;
  std::string uid_map;
  std::string gid_map;
  bool end_with_parent = false;
  pid_t parent = 0;
};

/// The PATH of the environment that the program is to have: what `extra_environment` says goes before what is inherited.
std::string_view path_in(const std::vector<std::string>& environment) {
  constexpr std::string_view name_and_sign = "PATH=";
  for (const std::string& entry : environment)
    if (entry.starts_with(name_and_sign)) return std::string_view{entry}.substr(name_and_sign.size());
  return "/bin:/usr/bin";
}

std::vector<std::string> candidates_of(const std::string& program, std::string_view path) {
  if (program.find('/') != std::string::npos) return {program};
  std::vector<std::string> found;
  while (true) {
    const auto colon = path.find(':');
    const std::string_view folder = path.substr(0, colon);
    found.push_back((folder.empty() ? std::string{"."} : std::string{folder}) + '/' + program);
    if (colon == std::string_view::npos) return found;
    path.remove_prefix(colon + 1);
  }
}

std::vector<std::string> environment_with(const std::vector<std::string>& extra) {
  std::vector<std::string> all = extra;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text{*entry};
    const std::string_view name_and_sign = text.substr(0, text.find('=') + 1);
    const bool replaced = !name_and_sign.empty() && std::any_of(extra.begin(), extra.end(), [&](const std::string& e) {
      return e.starts_with(name_and_sign);
    });
    if (!replaced) all.emplace_back(text);
  }
  return all;
}

std::vector<char*> null_ended(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (const std::string& text : strings) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

Plan make_plan(const Command& command, SpawnOptions&& options) {
  Plan plan;
  plan.environment = environment_with(options.extra_environment);
  plan.candidates = candidates_of(command.front(), path_in(plan.environment));
  for (const std::string& path : plan.candidates) plan.paths.push_back(path.c_str());
  plan.argv = null_ended(command);
  plan.envp = null_ended(plan.environment);
  plan.descriptors = std::move(options.descriptors);
  plan.duplicates.resize(plan.descriptors.size(), -1);
  for (const auto& [from, number] : plan.descriptors) plan.first_free = std::max(plan.first_free, number + 1);
  plan.namespaces = std::move(options.enter_namespaces);
  plan.unshare_flags = options.unshare_flags.value_or(0);
  plan.map_root_user = options.map_root_user;
  plan.uid_map = "0 " + std::to_string(::geteuid()) + " 1\n";
  plan.gid_map = "0 " + std::to_string(::getegid()) + " 1\n";
  plan.end_with_parent = options.end_with_parent;
  plan.parent = ::getpid();
  return plan;
}

// ---- from here to run_child: in the child, async-signal-safe only

[[noreturn]] void report_and_end(int report, Step step) {
  const Failure failure{step, errno};
  retry_interrupted([&] { return ::write(report, &failure, sizeof failure); });
  ::_exit(127);  // allowed: the forked child, which must not return
}

bool write_file(const char* path, std::string_view text) {
  const int fd = ::open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool written = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  const int saved = errno;
  ::close(fd);
  errno = saved;
  return written;
}

bool map_users(const Plan& plan) {
  // An unprivileged process must give up setgroups(2) before it may map its group. user_namespaces(7)
  return write_file("/proc/self/setgroups", "deny") && write_file("/proc/self/uid_map", plan.uid_map) &&
         write_file("/proc/self/gid_map", plan.gid_map);
}

bool close_others_on_exec() {
  if (::syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC) == 0) return true;
  if (errno != ENOSYS && errno != EINVAL) return false;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) < 0) return false;
  for (int fd = 3; static_cast<rlim_t>(fd) < limit.rlim_max; ++fd) {
    const int flags = ::fcntl(fd, F_GETFD);
    if (flags >= 0) ::fcntl(fd, F_SETFD, flags | FD_CLOEXEC);
  }
  return true;
}

/// First copies of all of them out of the way, so that no dup2 hits a descriptor that a later one still needs. The step that failed,
/// or none.
Step arrange_descriptors(Plan& plan) {
  if (!close_others_on_exec()) return Step::close_others;
  for (std::size_t i = 0; i < plan.descriptors.size(); ++i) {
    plan.duplicates[i] = ::fcntl(plan.descriptors[i].first, F_DUPFD_CLOEXEC, plan.first_free);
    if (plan.duplicates[i] < 0) return Step::copy;
  }
  for (std::size_t i = 0; i < plan.descriptors.size(); ++i) {
    const int copy = plan.duplicates[i];
    const int number = plan.descriptors[i].second;
    if (retry_interrupted([&] { return ::dup2(copy, number); }) < 0) return Step::descriptors;
  }
  return Step::none;
}

void set_signals_as_a_shell_would() {
  for (int number = 1; number < NSIG; ++number) {
    struct sigaction action{};
    if (::sigaction(number, nullptr, &action) < 0) continue;
    const bool handled = action.sa_handler != SIG_DFL && action.sa_handler != SIG_IGN;
    if (!handled && !(number == SIGPIPE && action.sa_handler == SIG_IGN)) continue;
    action = {};
    action.sa_handler = SIG_DFL;
    ::sigaction(number, &action, nullptr);
  }
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

/// Tries the candidates as execvp(3) does: one that may not be executed is remembered, one that is not there passed over.
[[nodiscard]] int execute(const Plan& plan) {
  int code = ENOENT;
  for (const char* path : plan.paths) {
    ::execve(path, plan.argv.data(), plan.envp.data());
    if (errno == EACCES) code = EACCES;
    const bool look_further = errno == EACCES || errno == ENOENT || errno == ENOTDIR;
    if (!look_further || plan.paths.size() == 1) return errno;
  }
  return code;
}

[[noreturn]] void run_child(Plan& plan, int report) {
  const int moved = ::fcntl(report, F_DUPFD_CLOEXEC, plan.first_free + static_cast<int>(plan.descriptors.size()));
  if (moved < 0) report_and_end(report, Step::copy);

  for (const int space : plan.namespaces)
    if (::setns(space, 0) < 0) report_and_end(moved, Step::setns);
  if (plan.unshare_flags != 0 && ::unshare(plan.unshare_flags) < 0) report_and_end(moved, Step::unshare);
  if (plan.map_root_user && !map_users(plan)) report_and_end(moved, Step::user_map);
  if (const Step failed = arrange_descriptors(plan); failed != Step::none) report_and_end(moved, failed);
  if (plan.end_with_parent) {
    if (::prctl(PR_SET_PDEATHSIG, SIGKILL) < 0) report_and_end(moved, Step::parent_death);
    if (plan.namespaces.empty() && ::getppid() != plan.parent)
      ::_exit(127);  // it ended before the line above  // allowed: the forked child, which must not return
  }
  set_signals_as_a_shell_would();
  errno = execute(plan);
  report_and_end(moved, Step::execve);
}

// ---- in the parent

/// A fork that returns once the child has become the program or has ended, with a pidfd of it.
/// clone(2) and not clone3(2): the seccomp filters of containers refuse the latter, whose flags they cannot see.
pid_t fork_until_exec(int& pidfd) {
  constexpr unsigned long flags = CLONE_PIDFD | CLONE_VFORK | SIGCHLD;
  constexpr void* same_stack = nullptr;  // its copy: memory is not shared
#ifdef __s390__
  return static_cast<pid_t>(::syscall(SYS_clone, same_stack, flags, &pidfd, nullptr, nullptr));
#else
  return static_cast<pid_t>(::syscall(SYS_clone, flags, same_stack, &pidfd, nullptr, nullptr));
#endif
}

/// Waits for the end of a child that nobody is to hear of. Where SIGCHLD is ignored it is gone already, and ECHILD as good.
void collect(const UniqueFd& pidfd) {
  siginfo_t info{};
  retry_interrupted([&] { return ::waitid(P_PIDFD, static_cast<id_t>(pidfd.get()), &info, WEXITED); });
}

/// One that may not be ended, having changed its user, is not waited for.
void end_and_collect(const UniqueFd& pidfd) {
  if (::syscall(SYS_pidfd_send_signal, pidfd.get(), SIGKILL, nullptr, 0) == 0) collect(pidfd);
}

/// What the child said before the fork returned. Its end of the pipe is not waited for: a child that another thread
/// forked meanwhile may hold a copy of it for ever.
Result<Failure> failure_told(const Pipe& report) {
  Failure failure;
  auto told = read_some(report.read_end.get(), std::as_writable_bytes(std::span{&failure, 1}), Deadline::immediately());
  if (!told) return std::unexpected{told.error()};
  return told->is<BytesRead>() ? failure : Failure{};
}

/// No handler of this process is to run in the child, which inherits them until it becomes the program.
class AllSignalsBlocked {
 public:
  AllSignalsBlocked() noexcept {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &previous_);
  }
  AllSignalsBlocked(const AllSignalsBlocked&) = delete;
  AllSignalsBlocked& operator=(const AllSignalsBlocked&) = delete;
  ~AllSignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, &previous_, nullptr); }

 private:
  sigset_t previous_{};
};

std::string hint_for(const Failure& failure, const std::string& program) {
  if (failure.step == Step::execve) {
    if (failure.code == ENOENT && program.find('/') == std::string::npos) return "no such program in PATH";
    if (failure.code == ENOEXEC) return "not a program, and a script needs a first line such as #!/bin/sh";
    if (failure.code == EACCES) return "it is there but may not be executed (mode, or a mount with noexec)";
  }
  if (failure.step == Step::copy && failure.code == EINVAL)
    return "the descriptors that it is to have are over " + process_limit("RLIMIT_NOFILE", RLIMIT_NOFILE) +
           ": allow more with ulimit -n";
  if (failure.step == Step::unshare && failure.code == EPERM)
    return "a new namespace needs CAP_SYS_ADMIN, or user namespaces, which are switched off for this user here "
           "(sysctl kernel.unprivileged_userns_clone, user.max_user_namespaces, or an AppArmor restriction)";
  if (failure.step == Step::unshare && failure.code == ENOSPC)
    return "the limit of namespaces is reached (sysctl user.max_user_namespaces, user.max_ipc_namespaces, …)";
  if (failure.step == Step::setns && failure.code == EPERM)
    return "entering that namespace needs CAP_SYS_ADMIN in the user namespace that owns it";
  return {};
}

std::string hint_for_fork(int code) {
  if (code == EAGAIN)
    return "the limit of processes is reached (RLIMIT_NPROC of this user, or pids.max of the cgroup); end some, or raise it: "
           "ulimit -u";
  return {};
}

}  // namespace

Result<Process> spawn(const Command& command, SpawnOptions options) {
  if (command.empty() || command.front().empty())
    return std::unexpected{Error{EINVAL, "spawn", "", "there is no program to run: the command is empty"}};
  Plan plan = make_plan(command, std::move(options));
  auto report = Pipe::create();
  if (!report) return std::unexpected{report.error()};

  int pidfd_number = -1;
  pid_t pid = 0;
  {
    const AllSignalsBlocked blocked;
    pid = fork_until_exec(pidfd_number);
    if (pid == 0) run_child(plan, report->write_end.get());
  }
  if (pid < 0) {
    Error error = Error::last("clone", command.front());
    const std::string hint = hint_for_fork(error.code());
    return std::unexpected{std::move(error).with_hint(hint)};
  }
  UniqueFd pidfd{pidfd_number};

  const auto failure = failure_told(*report);
  // The program may have begun: its refusal for want of a descriptor would come too late, and these two are enough to hold it.
  report->read_end.reset();
  report->write_end.reset();
  if (failure && failure->step != Step::none) {
    collect(pidfd);
    return std::unexpected{
        Error{failure->code, name_of(failure->step), command.front(), hint_for(*failure, command.front())}};
  }
  if (!failure) {
    end_and_collect(pidfd);
    return std::unexpected{failure.error()};
  }
  // A pidfd that is refused is closed: this one is for ending the child then.
  const UniqueFd spare{::fcntl(pidfd.get(), F_DUPFD_CLOEXEC, 0)};
  if (!spare.valid()) {
    const Error error = Error::last("fcntl F_DUPFD_CLOEXEC", command.front());
    end_and_collect(pidfd);
    return std::unexpected{error};
  }
  auto process = Process::adopt(std::move(pidfd));
  if (!process) end_and_collect(spare);
  return process;
}

}  // namespace ginnel
