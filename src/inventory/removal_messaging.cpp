#include <cerrno>
#include <optional>
#include <utility>
#include <vector>

#include "ginnel/sys/checked_unlink.hpp"
#include "ginnel/sys/file_lock.hpp"
#include "ginnel/sys/shared_folder.hpp"
#include "latest_files.hpp"
#include "queue_files.hpp"
#include "removal.hpp"
#include "topic_files.hpp"

// An object of ginnel's own goes file by file, under the lock that also those take who come to it (docs/FORMAT.md): who comes
// meanwhile waits, is told that it was removed, and makes a new one.

namespace ginnel::inventory {
namespace {

/// On the bell of a topic or a newest value: shared by those who come.
constexpr ByteRange existence{.start = 2, .length = 1};
/// On a queue's file: that of removers, and those of all participants.
constexpr ByteRange all_numbers{.start = 0, .length = queue_participants_max + 1};
constexpr std::chrono::seconds longest_coming{1};

struct NamedFile {
  std::string name;
  FileStatus status;
};

/// What is to go, the file with the lock last.
struct Contents {
  std::vector<NamedFile> files;
  std::string kept;  ///< which of them is somebody's who lives, or could not be asked; empty when all are free
};

void note_kept(Contents& contents, const MessagingFolder& folder) {
  if (!folder.listed || folder.truncated) contents.kept = "a file that could not be looked at";
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
  return contents;
}

Contents contents_of(const LatestFiles& latest) {
  Contents contents;
  note_kept(contents, latest);
  for (const ReaderFile& reader : latest.readers) add_file(contents, reader.name, reader.status, reader.locked);
  if (latest.successor) add_file(contents, "value.new", *latest.successor, false);
  if (latest.value) add_file(contents, "value", latest.value->status, latest.value->locked);
  return contents;
}

Contents look_into(Directory& folder, const FileStatus& status, Kind kind) {
  if (kind == Kind::topic) return contents_of(read_topic(folder, status));
  if (kind == Kind::latest) return contents_of(read_latest(folder, status));
  return {};  // the file with the lock is all there is
}

RemovalOutcome told(const Result<CheckedUnlink>& unlinked) {
  if (!unlinked) return refused(unlinked.error());
  if (unlinked->is<FileInUse>()) return changed("somebody has come to it");
  if (unlinked->is<NameChanged>()) return changed("another file has the place of one that was seen");
  return {};  // gone is as good as removed
}

/// The lock on the file that all open who take part. Nullopt where that file is not there.
struct Door {
  NamedFile file;
  RangeLocks lock;
};
Result<std::optional<Door>> open_door(const Directory& folder, Kind kind) {
  const std::string name = kind == Kind::queue ? "queue" : "bell";
  // By its descriptor: what has the folder's path may be another one by now.
  const auto same = SharedFolder::open("/proc/self/fd/" + std::to_string(folder.descriptor()) + "/.", 0777);
  if (!same) return std::unexpected{same.error()};
  auto file = same->open_file(name, FileAccess::read_write);
  if (!file && file.error().code() == ENOENT) return std::nullopt;
  if (!file) return std::unexpected{std::move(file.error()).with_object(name)};
  const auto status = file_status(file->get());
  if (!status) return std::unexpected{status.error()};
  return Door{.file = {name, *status}, .lock = RangeLocks::adopt(std::move(*file))};
}

RemovalOutcome remove_contents(Directory& folder, const FileStatus& status, Kind kind, bool force) {
  auto door = open_door(folder, kind);
  if (!door) return refused(door.error());
  if (*door) {
    const ByteRange range = kind == Kind::queue ? all_numbers : existence;
    const Deadline deadline = kind == Kind::queue ? Deadline::immediately() : Deadline::after(longest_coming);
    const auto locked = (*door)->lock.lock(range, LockMode::exclusive, deadline);
    if (!locked) return refused(locked.error());
    if (!locked->is<Done>() && !force) return changed("somebody has come to it");
  }
  const Contents contents = look_into(folder, status, kind);
  if (!contents.kept.empty() && !force) return changed("somebody keeps " + contents.kept + " now");
  for (const NamedFile& file : contents.files) {
    const CheckedUnlinkOptions options{.files_in_use = force ? FilesInUse::go : FilesInUse::stay};
    auto outcome = told(unlink_checked(folder, file.name, file_identity(file.status), options));
    if (outcome.result != Removal::removed) return outcome;
  }
  // We have it open ourselves: it is the lock that keeps others away.
  if (*door)
    return told(unlink_checked(folder, (*door)->file.name, file_identity((*door)->file.status),
                               {.files_in_use = FilesInUse::go}));
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
