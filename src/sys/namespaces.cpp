#include "ginnel/sys/namespaces.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "kernel_setting.hpp"
#include "system_call.hpp"

namespace ginnel {
namespace {

std::string path_of(const std::string& process, NamespaceKind kind) {
  return "/proc/" + process + "/ns/" + std::string{to_string(kind)};
}

Error proc_error(std::string_view operation, const std::string& path) {
  Error error = Error::last(operation, path);
  if (error.code() == EACCES || error.code() == EPERM)
    return std::move(error).with_hint("it belongs to another user: looking at its namespaces needs CAP_SYS_PTRACE");
  if (error.code() == ENOENT)
    return std::move(error).with_hint("this kernel has no namespaces of that kind, or /proc is not mounted");
  return error;
}

Error ended(const Process& process) {
  return Error{ESRCH, "namespace", "pid " + std::to_string(process.pid()), "that process has ended"};
}

Result<NamespaceIdentity> identity_at(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) < 0) return std::unexpected{proc_error("stat", path)};
  return NamespaceIdentity{.device = status.st_dev, .inode = status.st_ino};
}

/// The settings that exist here, with their values: a distribution has some of them.
std::string settings(std::initializer_list<const char*> names) {
  std::string text;
  for (const char* name : names) {
    const std::string setting = kernel_setting(name);
    if (setting.ends_with(" unknown")) continue;
    if (!text.empty()) text += ", ";
    text += setting;
  }
  return text;
}

Error explained(Error error) {
  std::string hint;
  if (error.code() == ENOSPC)
    hint = "no more namespaces are allowed here: " + settings({"user.max_ipc_namespaces", "user.max_user_namespaces"});
  if (error.code() == EPERM || error.code() == EACCES)
    hint = "it needs CAP_SYS_ADMIN, or user namespaces for everybody, which something forbids here: " +
           settings({"kernel.unprivileged_userns_clone", "kernel.apparmor_restrict_unprivileged_userns",
                     "user.max_user_namespaces"}) +
           ", a seccomp filter, or a chroot";
  return hint.empty() ? error : std::move(error).with_hint(hint);
}

bool refused_by(const Error& error, std::string_view operation) {
  return error.code() == EPERM && error.operation() == operation;
}

}  // namespace

std::string_view to_string(NamespaceKind kind) noexcept {
  switch (kind) {
    case NamespaceKind::cgroup:
      return "cgroup";
    case NamespaceKind::ipc:
      return "ipc";
    case NamespaceKind::mount:
      return "mnt";
    case NamespaceKind::network:
      return "net";
    case NamespaceKind::pid:
      return "pid";
    case NamespaceKind::time:
      return "time";
    case NamespaceKind::user:
      return "user";
    case NamespaceKind::uts:
      return "uts";
  }
  return "unknown";
}

Result<NamespaceIdentity> namespace_identity(const Process& process, NamespaceKind kind) {
  auto identity = identity_at(path_of(std::to_string(process.pid()), kind));
  if (!process.alive()) return std::unexpected{ended(process)};
  return identity;
}

Result<UniqueFd> open_namespace(const Process& process, NamespaceKind kind) {
  const std::string path = path_of(std::to_string(process.pid()), kind);
  UniqueFd file{retry_interrupted([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC); })};
  if (!file.valid()) {
    const Error refusal = proc_error("open", path);
    return std::unexpected{process.alive() ? refusal : ended(process)};
  }
  // Alive now, so the number was its own when the path was opened.
  if (!process.alive()) return std::unexpected{ended(process)};
  return file;
}

Result<NamespaceIdentity> own_namespace_identity(NamespaceKind kind) { return identity_at(path_of("self", kind)); }

Result<Process> run_in_new_ipc_namespace(const Command& command, SpawnOptions options) {
  options.unshare_flags = options.unshare_flags.value_or(0) | CLONE_NEWIPC;
  auto running = spawn(command, options);
  if (!running && refused_by(running.error(), "unshare")) {
    options.unshare_flags = *options.unshare_flags | CLONE_NEWUSER;
    options.map_root_user = true;
    running = spawn(command, std::move(options));
  }
  if (running) return running;
  const bool of_namespace =
      running.error().operation() == "unshare" || running.error().operation().starts_with("write ");
  return of_namespace ? std::unexpected{explained(std::move(running.error()))} : std::move(running);
}

Result<Process> run_in_namespace_of(const Process& process, NamespaceKind kind, const Command& command,
                                    SpawnOptions options) {
  auto wanted = open_namespace(process, kind);
  if (!wanted) return std::unexpected{wanted.error()};
  options.enter_namespaces.push_back(wanted->get());
  auto running = spawn(command, options);
  if (running || kind == NamespaceKind::user || !refused_by(running.error(), "setns")) return running;

  // The namespace may belong to a user namespace of which this user is the owner, and so root inside.
  auto own = own_namespace_identity(NamespaceKind::user);
  auto theirs = namespace_identity(process, NamespaceKind::user);
  if (!own || !theirs || *own == *theirs) return running;
  auto user = open_namespace(process, NamespaceKind::user);
  if (!user) return running;
  options.enter_namespaces.insert(options.enter_namespaces.end() - 1, user->get());
  return spawn(command, std::move(options));
}

}  // namespace ginnel
