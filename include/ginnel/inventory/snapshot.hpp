#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "ginnel/core/process_id.hpp"
#include "ginnel/core/result.hpp"
#include "ginnel/inventory/object.hpp"
#include "ginnel/inventory/poll.hpp"
#include "ginnel/sys/namespaces.hpp"

namespace ginnel::inventory {

struct ProcessInfo {
  pid_t pid = 0;
  pid_t parent = 0;
  std::uint64_t start_ticks = 0;
  char state = '?';  ///< as in proc(5): R, S, D, T, Z, …
  unsigned threads = 1;
  bool kernel_thread = false;
  Fact<std::uint32_t> user;  ///< real uid
  std::string command;       ///< comm, at most 15 bytes
  Fact<std::uint64_t> ipc_namespace, network_namespace, mount_namespace, pid_namespace, user_namespace;
  Fact<std::string> cgroup;  ///< path in the unified hierarchy, or the first line there is
  bool descriptors_readable = true;
  bool mappings_readable = true;
  bool waits_readable = true;  ///< false: what its threads wait for may not be asked

  /// A zombie has let go of everything, and only waits for its parent to ask how it ended.
  [[nodiscard]] bool alive() const noexcept { return state != 'Z' && state != 'X'; }
};

/// A namespace that some process is in, and whether its objects were seen.
struct NamespaceInfo {
  NamespaceKind kind = NamespaceKind::ipc;
  std::uint64_t inode = 0;
  pid_t member = 0;  ///< one process in it
  bool own = false;  ///< the caller's
  bool visited = true;
  bool queues_listed = true;  ///< of an IPC namespace that was visited: its POSIX queues are among the objects
  std::string_view reason;    ///< why it was not visited
};

/// What served for what: `/proc` for `pipe`, `sock_diag` for `unix`.
struct Source {
  std::string_view name;
  std::string_view served;
};

/// What was looked at, and what could not be.
struct Coverage {
  std::size_t processes = 0;
  std::vector<pid_t> unreadable;  ///< alive, neither kernel threads nor zombies, and not to be looked into
  bool processes_hidden = false;  ///< /proc is mounted with hidepid: others' processes are not even listed
  std::vector<NamespaceInfo> namespaces;
  std::vector<Source> sources;
  std::size_t in_flight = 0;       ///< descriptors sent over sockets and not received yet: of what, nobody can tell
  std::vector<std::string> notes;  ///< what else was left out, a sentence each
  /// Nothing that could hold an object was left out.
  [[nodiscard]] bool complete() const noexcept;
};

/// All that was seen at one time. Objects are sorted by id and each is there once.
struct Snapshot {
  std::string boot_id;
  Time taken_at{};
  long ticks_per_second = 100;  ///< of start_ticks
  Time booted_at{};
  Coverage coverage;
  std::vector<ProcessInfo> processes;  ///< sorted by pid
  std::vector<Object> objects;
  std::vector<Poll> polls;  ///< sorted by pid and tid

  [[nodiscard]] const ProcessInfo* process(pid_t pid) const noexcept;
  [[nodiscard]] const Object* object(const ObjectId& id) const noexcept;
  /// When a process was started, from its ticks.
  [[nodiscard]] Time started_at(const ProcessInfo& process) const noexcept;
};

enum class NamespaceScope { all, own };

struct ScanOptions {
  std::set<Kind> kinds;  ///< none: all
  NamespaceScope namespaces = NamespaceScope::all;
  std::optional<std::uint64_t> only_namespace{};  ///< inode of an IPC, network or mount namespace
  bool waits = true;                              ///< look at what each thread waits for
};

/// Looks at every IPC object of this machine that the caller may see. Disturbs nothing: opens no FIFO, connects to nothing,
/// receives nothing, takes no lock and no reference that outlives the call. A process that ends meanwhile is left out.
/// Starts and ends a short-lived helper process for each foreign namespace.
/// Errors: ENOENT (/proc is not mounted), EMFILE, ENFILE, ENOMEM. What may not be read is no error: see Coverage.
/// Source: proc(5), sock_diag(7), sysvipc(7), mq_overview(7), and docs/INVENTORY.md.
[[nodiscard]] Result<Snapshot> scan(const ScanOptions& options = {});

}  // namespace ginnel::inventory
