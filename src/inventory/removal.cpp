#include "removal.hpp"

#include <array>
#include <cerrno>
#include <optional>

#include "ginnel/sys/checked_unlink.hpp"
#include "ginnel/sys/inside.hpp"
#include "ginnel/sys/namespaces.hpp"
#include "ginnel/sys/posix_queue.hpp"
#include "ginnel/sys/posix_queue_files.hpp"
#include "ginnel/sys/sysv_queue.hpp"
#include "ginnel/sys/sysv_semaphore.hpp"
#include "ginnel/sys/sysv_shm.hpp"

// Each kind is removed in its own way, and each looks once more at what it is about to remove.

namespace ginnel::inventory {
namespace {

struct Verdicted {
  Removal result = Removal::removed;
  std::string text;
};

Verdicted refused(const Error& error) { return {Removal::refused, error.message()}; }
Verdicted gone() { return {Removal::gone, "it is not there any more"}; }
Verdicted changed(std::string why) { return {Removal::changed, std::move(why)}; }

bool is_gone(const Error& error) { return error.code() == ENOENT || error.code() == EINVAL || error.code() == EIDRM; }

/// A set or queue of System V is the one that was seen if it has its id and was not changed since: an id holds a sequence
/// number of the kernel that comes round after thousands of removals only.
template <class Handle>
Verdicted remove_sysv(const Object& seen, bool force) {
  auto handle = Handle::open(SysvName{.key = {}, .id = static_cast<int>(seen.id.number)});
  if (!handle) return is_gone(handle.error()) ? gone() : refused(handle.error());
  const auto now = handle->statistics();
  if (!now) return is_gone(now.error()) ? gone() : refused(now.error());
  if (static_cast<std::uint64_t>(now->change_time) != seen.id.generation)
    return changed("it was changed meanwhile, or made anew");
  if constexpr (requires { now->attached; })
    if (now->attached > 0 && !force) return changed(std::to_string(now->attached) + " are attached now");
  if constexpr (requires { now->messages; }) {
    const Detail* messages = seen.detail("qnum");
    if (!force && (messages == nullptr || messages->value != std::to_string(now->messages)))
      return changed("messages came or went meanwhile");
  }
  const auto removed = handle->remove();
  if (!removed) return is_gone(removed.error()) ? gone() : refused(removed.error());
  return {};
}

Verdicted remove_posix_queue(const Object& seen) {
  const std::string name = seen.name.substr(seen.name.find('/'));
  const auto queues = posix_queue_directory();
  if (!queues) return refused(queues.error());
  const auto now = queues->status(name.c_str() + 1, Follow::no);
  if (!now) return now.error().code() == ENOENT ? gone() : refused(now.error());
  if (now->device != seen.id.device || now->inode != seen.id.number)
    return changed("another queue has the name now");
  const auto removed = PosixQueue::unlink(name);
  if (!removed) return removed.error().code() == ENOENT ? gone() : refused(removed.error());
  return {};
}

Verdicted remove_in_namespace(const Object& seen, bool force) {
  switch (seen.id.kind) {
    case Kind::sysv_shm:
      return remove_sysv<SysvShm>(seen, force);
    case Kind::sysv_queue:
      return remove_sysv<SysvQueue>(seen, force);
    case Kind::sysv_semaphore:
      return remove_sysv<SysvSemaphoreSet>(seen, force);
    default:
      return remove_posix_queue(seen);
  }
}

bool has_ipc_namespace(Kind kind) {
  return kind == Kind::sysv_shm || kind == Kind::sysv_queue || kind == Kind::sysv_semaphore ||
         kind == Kind::posix_queue;
}

std::optional<std::string> path_of(const Object& seen) {
  const std::string rest = seen.name.substr(std::min(seen.name.find(':') + 1, seen.name.size()));
  switch (seen.id.kind) {
    case Kind::posix_shm:
      return "/dev/shm" + rest;
    case Kind::posix_semaphore:
      return "/dev/shm/sem." + rest.substr(1);
    case Kind::fifo:
    case Kind::unix_socket:
      return rest;
    default:
      return std::nullopt;
  }
}

Verdicted remove_file(const Object& seen, const std::string& path) {
  const auto removed = unlink_checked(path, {seen.id.device, seen.id.number, seen.id.generation});
  if (!removed) return refused(removed.error());
  if (removed->is<NameGone>()) return gone();
  if (removed->is<NameChanged>()) return changed("another file has the name now, or it is of another mount namespace");
  if (removed->is<FileInUse>()) return changed("somebody has it open or mapped now");
  return {};
}

/// Runs the removal in the namespace that a member was seen in; what it found comes back as text.
Verdicted remove_elsewhere(const Object& seen, const NamespaceInfo& space, bool force) {
  auto member = Process::open(space.member);
  auto way = member ? open_namespace(*member, NamespaceKind::ipc) : Result<UniqueFd>{std::unexpected{member.error()}};
  if (!way) return refused(way.error());
  const std::array ways{way->get()};
  const auto told = run_inside(ways, [&]() -> Result<Carried> {
    const Verdicted inside = remove_in_namespace(seen, force);
    return Carried{std::to_string(static_cast<int>(inside.result)) + inside.text, {}};
  });
  if (!told) return refused(told.error());
  if (told->bytes.empty()) return refused(Error{EBADMSG, "recvmsg", "helper process"});
  return {static_cast<Removal>(told->bytes.front() - '0'), told->bytes.substr(1)};
}

}  // namespace

RemovalReport remove(const Snapshot& snapshot, const Object& seen, bool force) {
  RemovalReport report{.entry = {seen.id, seen.name, {}}, .result = Removal::refused, .text = {}};
  Verdicted outcome;
  if (has_ipc_namespace(seen.id.kind)) {
    const auto own = own_namespace_identity(NamespaceKind::ipc);
    const NamespaceInfo* space = nullptr;
    for (const NamespaceInfo& known : snapshot.coverage.namespaces)
      if (known.kind == NamespaceKind::ipc && known.inode == seen.id.space) space = &known;
    if (own && own->inode == seen.id.space)
      outcome = remove_in_namespace(seen, force);
    else if (space != nullptr)
      outcome = remove_elsewhere(seen, *space, force);
    else
      outcome = {Removal::refused, "its IPC namespace was not seen"};
  } else if (const auto path = path_of(seen)) {
    outcome = remove_file(seen, *path);
  } else {
    outcome = {Removal::refused, "it has no name: it goes with its last holder"};
  }
  report.result = outcome.result;
  report.text = outcome.text;
  return report;
}

}  // namespace ginnel::inventory
