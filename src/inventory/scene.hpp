#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "census.hpp"
#include "ginnel/inventory/snapshot.hpp"
#include "ginnel/sys/checked_unlink.hpp"
#include "landmarks.hpp"
#include "spaces.hpp"

namespace ginnel::inventory {

/// The objects found so far, each there once.
class Objects {
 public:
  /// The object of that id, made when it is new. The reference holds until the next call.
  [[nodiscard]] Object& at(const ObjectId& id);
  [[nodiscard]] Object* find(const ObjectId& id);
  /// Memory that is not used is not there either; growing would need what there is twice.
  void reserve(std::size_t count) { objects_.reserve(count); }
  [[nodiscard]] std::vector<Object>& all() noexcept { return objects_; }
  /// All of them, which the caller takes over.
  [[nodiscard]] std::vector<Object> take() && noexcept { return std::move(objects_); }

 private:
  struct HashId {
    std::size_t operator()(const ObjectId& id) const noexcept;
  };
  std::unordered_map<ObjectId, std::size_t, HashId> places_;
  std::vector<Object> objects_;
};

/// A file of an object of ginnel's own messaging.
struct MessagingPart {
  enum class What : std::uint8_t {
    bell,   ///< that members sleep on
    kept,   ///< by a member, who holds its lock
    queue,  ///< of all participants
  };
  ObjectId object;
  What what = What::kept;
};

/// Threads (pid and tid as seen from here) by what they call themselves in their own pid namespace.
using ThreadsByNumber = std::multimap<pid_t, std::pair<pid_t, pid_t>>;

/// What the collectors work on: what was read, and what they have made of it.
struct Scene {
  const ScanOptions& options;
  const Landmarks& landmarks;
  const Spaces& spaces;
  const Census& census;
  Snapshot& snapshot;  ///< processes and times are there already
  Objects objects{};
  std::unordered_map<FileKey, ObjectId, HashFileKey> files{};  ///< objects that are files, by device and inode
  std::unordered_map<std::uint64_t, ObjectId> sockets{};       ///< Unix sockets by inode
  std::vector<std::optional<ObjectId>> object_of{};            ///< by place in census.files
  std::unordered_map<FileKey, MessagingPart, HashFileKey> messaging_files{};
  std::map<std::pair<std::uint64_t, std::string>, ObjectId> messaging_folders{};  ///< by device and path
  std::optional<ThreadsByNumber> foreign_threads{};  ///< of other pid namespaces, once a mutex has asked for them

  void note_messaging(const ObjectId& id, const MessagingFolder& folder);
  void note_messaging_file(const ObjectId& id, const FileStatus& status,
                           MessagingPart::What what = MessagingPart::What::kept);
  [[nodiscard]] bool wants(Kind kind) const { return options.kinds.empty() || options.kinds.contains(kind); }
  /// What a thread has open under this number.
  [[nodiscard]] const OpenFile* open_file(pid_t pid, pid_t tid, int fd) const;
  [[nodiscard]] const ObjectId* object_of_file(const OpenFile& file) const;
  void hold(const ObjectId& id, const OpenFile& file);
};

/// Who made something at that time under that pid, as far as that can still be known.
[[nodiscard]] Fact<Creator> creator_of(const Snapshot& snapshot, pid_t pid, Time made);

/// Owner, group, mode and times of a file.
void take_file_facts(Object& object, const FileStatus& status);
/// The path without the ` (deleted)` that the kernel appends; whether it was there is for the number of links to say.
[[nodiscard]] std::string_view without_deleted_mark(std::string_view path) noexcept;
[[nodiscard]] std::string to_text(Time time);
/// Of what was found by its name: the kernel may keep other numbers of it than its file system shows, so that a holder would not be seen.
inline const Detail other_numbers{"file-numbers", "may differ from the kernel's"};

/// Whether a file lock is of the kind that those take who take part in an object of ginnel's own.
[[nodiscard]] bool is_messaging_lock(const LockLine& lock) noexcept;
/// Notes the wait with its object, if the word is one that the members of a topic, a newest value or a queue of ours sleep on.
[[nodiscard]] bool add_wait_on_messaging(Scene& scene, const BlockedThread& blocked, const FutexWord& word);

[[nodiscard]] inline Waiter waiter_of(const BlockedThread& blocked, Wait wait) {
  return {.pid = blocked.pid, .tid = blocked.tid, .wait = wait, .since = blocked.since};
}
/// Notes what a thread polls with each object, and all of it together in the snapshot.
void add_poll(Scene& scene, const BlockedThread& blocked);

// Each makes the objects of its kinds; in this order: messaging before all that its files would be taken for, and locks, waits
// and signals last, since they build on the others.
void collect_messaging(Scene& scene);
void collect_pipes(Scene& scene);
void collect_memory(Scene& scene);
void collect_channels(Scene& scene);  ///< after the memory that they lie in
void collect_sysv(Scene& scene);
void collect_queues(Scene& scene);
void collect_sockets(Scene& scene);
void collect_events(Scene& scene);
void collect_rings(Scene& scene);
void collect_locks(Scene& scene);
void collect_waits(Scene& scene);
void collect_signals(Scene& scene);

}  // namespace ginnel::inventory
