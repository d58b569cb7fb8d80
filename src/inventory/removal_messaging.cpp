#include <cerrno>
#include <optional>
#include <utility>
#include <vector>

#include "ginnel/sys/checked_unlink.hpp"
#include "latest_files.hpp"
#include "queue_files.hpp"
#include "removal.hpp"
#include "topic_files.hpp"

// An object of ginnel's own goes file by file, under the lock on its folder that also those take who come to it (docs/FORMAT.md): who
// comes meanwhile waits, and makes a new one.

namespace ginnel::inventory {
namespace {

constexpr std::chrono::seconds longest_coming{1};

struct NamedFile {
  std::string name;
  FileStatus status;
  FilesInUse if_open = FilesInUse::stay;
};

/// What is to go, in that order.
struct Contents {
  std::vector<NamedFile> files;
  std::string kept;  ///< which of them is somebody's who lives, or could not be asked; empty when all are free
};

void note_kept(Contents& contents, const MessagingFolder& folder) {
  if (!folder.listed || folder.truncated) contents.kept = "a file that could not be looked at";
}

/// A child that a member has forked may have it open for no purpose: whether anybody takes part the locks tell.
void add_shared_file(Contents& contents, const std::string& name, const FileStatus& status) {
  contents.files.push_back({name, status, FilesInUse::go});
}

void add_file(Contents& contents, const std::string& name, const FileStatus& status, const Fact<bool>& locked) {
  contents.files.push_back({name, status});
  if (contents.kept.empty() && locked.value_or(true)) contents.kept = name;
}

/// Nobody reads a ring whose writer is dead once no reader lives: the readers' pages go first.
Contents contents_of(const TopicFiles& topic) {
  Contents contents;
  note_kept(contents, topic);
  for (const ReaderFile& reader : topic.readers) add_file(contents, reader.name, reader.status, reader.locked);
  for (const TopicRing& ring : topic.rings) add_file(contents, ring.name, ring.status, ring.locked);
  if (topic.bell) add_shared_file(contents, "bell", *topic.bell);
  return contents;
}

Contents contents_of(const LatestFiles& latest) {
  Contents contents;
  note_kept(contents, latest);
  for (const ReaderFile& reader : latest.readers) add_file(contents, reader.name, reader.status, reader.locked);
  if (latest.successor) add_file(contents, "value.new", *latest.successor, false);
  if (latest.value) add_file(contents, "value", latest.value->status, latest.value->locked);
  if (latest.bell) add_shared_file(contents, "bell", *latest.bell);
  return contents;
}

Contents contents_of(const QueueFiles& queue) {
  Contents contents;
  note_kept(contents, queue);
  if (!queue.file) return contents;
  if (contents.kept.empty() && queue.locked.value_or(true)) contents.kept = "queue";
  add_shared_file(contents, "queue", *queue.file);
  return contents;
}

Contents look_into(Directory& folder, const FileStatus& status, Kind kind) {
  if (kind == Kind::topic) return contents_of(read_topic(folder, status));
  if (kind == Kind::latest) return contents_of(read_latest(folder, status));
  return contents_of(read_queue(folder, status));
}

RemovalOutcome told(const Result<CheckedUnlink>& unlinked) {
  if (!unlinked) return refused(unlinked.error());
  if (unlinked->is<FileInUse>()) return changed("somebody has come to it");
  if (unlinked->is<NameChanged>()) return changed("another file has the place of one that was seen");
  return {};  // gone is as good as removed
}

/// With the folder locked.
RemovalOutcome remove_contents(Directory& folder, const FileStatus& status, Kind kind, bool force) {
  const Contents contents = look_into(folder, status, kind);
  if (!contents.kept.empty() && !force) return changed("somebody keeps " + contents.kept + " now");
  for (const NamedFile& file : contents.files) {
    const FilesInUse in_use = force ? FilesInUse::go : file.if_open;
    auto outcome = told(unlink_checked(folder, file.name, file_identity(file.status),
                                       {.files_in_use = in_use, .folder_is_locked = true}));
    if (outcome.result != Removal::removed) return outcome;
  }
  return {};
}

RemovalOutcome remove_at(const std::string& path, const Object& seen, bool force) {
  auto folder = Directory::open(path.c_str());
  if (!folder) {
    const int code = folder.error().code();
    return code == ENOENT || code == ENOTDIR ? gone() : refused(folder.error());
  }
  const auto status = file_status(folder->descriptor());
  if (!status) return refused(status.error());
  if (id_of_folder(seen.id.kind, *status) != seen.id) return changed("another one has the name now");
  const auto lock = lock_against_removers(*folder, Deadline::after(longest_coming));
  if (!lock) return refused(lock.error());
  if (!lock->is<FileLock>() && !force) return changed("somebody is just coming to it");
  if (auto outcome = remove_contents(*folder, *status, seen.id.kind, force); outcome.result != Removal::removed)
    return outcome;

  // From the folder itself, which may have been moved: what has its old name is not looked at.
  const auto home = folder->open_below("..");
  if (!home) return refused(home.error());
  const auto removed = remove_empty_directory(*home, path.substr(path.rfind('/') + 1));
  if (removed) return {};
  if (removed.error().code() == ENOENT) return gone();
  return removed.error().code() == ENOTEMPTY ? changed("somebody has come to it") : refused(removed.error());
}

}  // namespace

RemovalOutcome remove_messaging(const Snapshot& snapshot, const Object& seen, bool force) {
  const Detail* path = seen.detail("folder");
  if (path == nullptr) return {Removal::refused, "its folder is not known"};
  return in_each_mount_namespace(snapshot,
                                 [&](const std::string& root) { return remove_at(root + path->value, seen, force); });
}

}  // namespace ginnel::inventory
