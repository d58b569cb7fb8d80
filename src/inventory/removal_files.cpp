#include <cerrno>

#include "ginnel/sys/checked_unlink.hpp"
#include "ginnel/sys/posix_queue_files.hpp"
#include "removal.hpp"

namespace ginnel::inventory {
namespace {

FileIdentity identity_of(const Object& seen) noexcept { return {seen.id.device, seen.id.number, seen.id.generation}; }

CheckedUnlinkOptions unlink_options(bool force) { return {.files_in_use = force ? FilesInUse::go : FilesInUse::stay}; }

RemovalOutcome told(const Result<CheckedUnlink>& unlinked, const Object& seen) {
  if (!unlinked) return refused(unlinked.error());
  if (unlinked->is<NameGone>()) return gone();
  if (unlinked->is<NameChanged>()) return changed("another object has the name now, or it was used meanwhile");
  if (unlinked->is<FileInUse>())
    return changed(seen.id.kind == Kind::unix_socket ? "a live socket is bound to it"
                                                     : "somebody has it open or mapped now");
  return {};
}

/// Its address without the scheme.
std::string name_part(const Object& seen) {
  const std::size_t colon = seen.name.find(':');
  return colon == std::string::npos ? seen.name : seen.name.substr(colon + 1);
}

std::string path_of(const Object& seen) {
  std::string name = name_part(seen);
  if (seen.id.kind == Kind::posix_shm) return "/dev/shm" + name;
  if (seen.id.kind == Kind::posix_semaphore) return "/dev/shm/sem." + name.substr(name.find('/') + 1);
  return name;
}

}  // namespace

RemovalOutcome remove_posix_queue(const Object& seen, bool force) {
  const auto queues = posix_queue_directory();
  if (!queues) return refused(queues.error());
  const std::string name = name_part(seen).substr(1);
  const auto now = queues->status(name.c_str(), Follow::no);
  if (!now) return now.error().code() == ENOENT ? gone() : refused(now.error());
  // A queue is changed by each message: unless forced, it has to be as it was seen.
  if (!force && seen.changed && *seen.changed != now->changed) return changed("messages came or went meanwhile");
  FileIdentity expected = identity_of(seen);
  expected.generation = file_generation(*now);
  return told(unlink_checked(*queues, name, expected, unlink_options(force)), seen);
}

RemovalOutcome in_each_mount_namespace(const Snapshot& snapshot,
                                       const std::function<RemovalOutcome(const std::string& root)>& remove_below) {
  const auto is_of_another_namespace = [](const RemovalOutcome& outcome) {
    return outcome.result == Removal::gone || outcome.result == Removal::changed;
  };

  RemovalOutcome here = remove_below({});
  for (const NamespaceInfo& space : snapshot.coverage.namespaces) {
    if (!is_of_another_namespace(here)) return here;
    if (space.kind != NamespaceKind::mount || space.own || !space.visited) continue;
    // Its identity tells the file apart, so it does no harm if the process has gone and its pid is another's.
    RemovalOutcome there = remove_below("/proc/" + std::to_string(space.member) + "/root");
    if (there.result == Removal::removed) return there;
    if (there.result == Removal::changed) here = std::move(there);
  }
  return here;
}

RemovalOutcome remove_file(const Snapshot& snapshot, const Object& seen, bool force) {
  const std::string path = path_of(seen);
  return in_each_mount_namespace(snapshot, [&](const std::string& root) {
    return told(unlink_checked(root + path, identity_of(seen), unlink_options(force)), seen);
  });
}

}  // namespace ginnel::inventory
