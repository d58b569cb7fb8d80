#include <fcntl.h>
#include <fmt/core.h>
#include <cerrno>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "foreground.hpp"
#include "ginnel/sys/namespaces.hpp"
#include "options.hpp"
#include "verbs.hpp"

// `ginnel run`: a command in another IPC namespace, new or of a process.

namespace ginnel::cli {
namespace {

struct RunArguments {
  bool new_ipc = false;
  std::optional<pid_t> of_pid;
  std::vector<std::string> kinds;
};

std::optional<NamespaceKind> kind_named(std::string_view name) {
  for (const NamespaceKind kind : all_namespace_kinds)
    if (to_string(kind) == name) return kind;
  return std::nullopt;
}

Result<std::vector<UniqueFd>> open_namespaces(const Process& process, const std::vector<std::string>& kinds) {
  std::vector<UniqueFd> opened;
  for (const std::string& kind : kinds) {
    const std::string path = fmt::format("/proc/{}/ns/{}", process.pid(), kind);
    UniqueFd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
    if (!fd.valid()) return std::unexpected{Error::last("open", path)};
    opened.push_back(std::move(fd));
  }
  // The number may have passed to another process between its pidfd and the opening of these files.
  if (!opened.empty() && !process.alive())
    return std::unexpected{Error{ESRCH, "open", fmt::format("pid {}", process.pid()), "the process has ended"}};
  return opened;
}

Result<Process> start_in_namespaces_of(const Process& process, const RunArguments& arguments,
                                       const TrailingWords& command) {
  for (const std::string& kind : arguments.kinds)
    if (!kind_named(kind))
      return std::unexpected{usage_error("--ns " + kind, "expected cgroup, ipc, mnt, net, pid, time, user or uts")};
  auto others = open_namespaces(process, arguments.kinds);
  if (!others) return std::unexpected{others.error()};
  SpawnOptions options{.end_with_parent = true};
  for (const UniqueFd& other : *others) options.enter_namespaces.push_back(other.get());
  return run_in_namespace_of(process, NamespaceKind::ipc, command, options);
}

Result<int> run_run(const RunArguments& arguments, const TrailingWords& command) {
  if (arguments.new_ipc == arguments.of_pid.has_value())
    return std::unexpected{usage_error("", "choose one: --new-ipc, or --ipc-of PID")};
  if (arguments.new_ipc && !arguments.kinds.empty())
    return std::unexpected{usage_error("--ns", "it goes with --ipc-of")};
  if (command.empty())
    return std::unexpected{usage_error("", "no command; write it after '--': ginnel run --new-ipc -- ipcs -a")};

  std::optional<Process> resident;
  if (arguments.of_pid) {
    auto process = Process::open(*arguments.of_pid);
    if (!process && process.error().code() == ESRCH) return nothing(run_verb, process.error().message());
    if (!process) return std::unexpected{process.error()};
    resident.emplace(std::move(*process));
  }
  auto foreground = Foreground::begin();
  if (!foreground) return std::unexpected{foreground.error()};
  auto started = resident ? start_in_namespaces_of(*resident, arguments, command)
                          : run_in_new_ipc_namespace(command, {.end_with_parent = true});
  if (!started) return std::unexpected{started.error()};
  return foreground->run_to_end(std::move(*started));
}

CommandRun define_run(const VerbOptions& options) {
  auto arguments = std::make_shared<RunArguments>();
  options.add_flag("--new-ipc", arguments->new_ipc,
                   "In an IPC namespace of its own: no System V object and no queue is there yet");
  options.add_option("--ipc-of", arguments->of_pid, "In the IPC namespace of that process")
      .between(1, std::numeric_limits<pid_t>::max())
      .type_name("PID");
  options.add_option("--ns", arguments->kinds, "With --ipc-of, also in these namespaces of it: net, mnt, uts, …")
      .type_name("KIND");
  return [arguments](const TrailingWords& command) { return run_run(*arguments, command); };
}

}  // namespace

const Verb run_verb{"run", "Run a command in another IPC namespace",
                    "  ginnel run --new-ipc -- ipcs -a\n"
                    "  ginnel run --ipc-of 1 -- ipcs -q\n"
                    "  ginnel run --ipc-of 1 --ns net --ns uts -- hostname\n"
                    "\n"
                    "--new-ipc needs no privilege where user namespaces are allowed: the command is\n"
                    "root in one of its own then. What it makes goes with its last process. Ends\n"
                    "with the command's code; signals are passed on to it.\n",
                    "-- COMMAND [ARGUMENT]...", define_run};

}  // namespace ginnel::cli
