#include "removal.hpp"

#include <algorithm>
#include <cerrno>

#include "entering.hpp"
#include "ginnel/sys/inside.hpp"

namespace ginnel::inventory {
namespace {

bool has_ipc_namespace(Kind kind) noexcept {
  return kind == Kind::sysv_shm || kind == Kind::sysv_queue || kind == Kind::sysv_semaphore ||
         kind == Kind::posix_queue;
}

RemovalOutcome remove_in_this_namespace(const Object& seen, bool force) {
  return seen.id.kind == Kind::posix_queue ? remove_posix_queue(seen, force) : remove_sysv(seen, force);
}

/// What the helper process found comes back as a digit and text. Errors: those of run_inside().
Result<RemovalOutcome> remove_inside(std::span<const int> namespaces, const Object& seen, bool force) {
  const auto told = run_inside(namespaces, [&]() -> Result<Carried> {
    const RemovalOutcome inside = remove_in_this_namespace(seen, force);
    return Carried{std::to_string(static_cast<int>(inside.result)) + inside.text, {}};
  });
  if (!told) return std::unexpected{told.error()};
  if (told->bytes.empty()) return std::unexpected{Error{EBADMSG, "recvmsg", "helper process"}};
  return RemovalOutcome{static_cast<Removal>(told->bytes.front() - '0'), told->bytes.substr(1)};
}

RemovalOutcome remove_in_ipc_namespace(const Snapshot& snapshot, const Object& seen, bool force) {
  const auto& spaces = snapshot.coverage.namespaces;
  const auto space = std::ranges::find_if(
      spaces, [&](const NamespaceInfo& one) { return one.kind == NamespaceKind::ipc && one.inode == seen.id.space; });
  if (space == spaces.end()) return {Removal::refused, "its IPC namespace was not seen"};
  const auto removed = work_in(*space, [&](std::span<const int> ways) -> Result<RemovalOutcome> {
    if (ways.empty()) return remove_in_this_namespace(seen, force);
    return remove_inside(ways, seen, force);
  });
  return removed ? *removed : refused(removed.error());
}

RemovalOutcome remove_by_kind(const Snapshot& snapshot, const Object& seen, bool force) {
  if (seen.deleted) return {Removal::refused, "it has lost its name, and goes with its last holder"};
  if (has_ipc_namespace(seen.id.kind)) return remove_in_ipc_namespace(snapshot, seen, force);
  switch (seen.id.kind) {
    case Kind::posix_shm:
    case Kind::posix_semaphore:
    case Kind::fifo:
      return remove_file(snapshot, seen, force);
    case Kind::unix_socket:
      if (seen.detail("stale-path") != nullptr) return remove_file(snapshot, seen, force);
      return {Removal::refused, "its socket lives: it goes with its last holder"};
    case Kind::topic:
    case Kind::latest:
    case Kind::queue:
      return remove_messaging(snapshot, seen, force);
    case Kind::lock:
      return {Removal::refused, "a lock goes with its holder, and its file is never removed"};
    default:
      return {Removal::refused,
              "nothing of the kind " + std::string{to_string(seen.id.kind)} + " is removed by its name"};
  }
}

}  // namespace

RemovalReport remove(const Snapshot& snapshot, const Object& seen, bool force) {
  RemovalOutcome outcome = remove_by_kind(snapshot, seen, force);
  return {.entry = {seen.id, seen.name, {}}, .result = outcome.result, .text = std::move(outcome.text)};
}

}  // namespace ginnel::inventory
