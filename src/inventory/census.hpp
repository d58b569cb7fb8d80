#pragma once

#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "ginnel/inventory/poll.hpp"
#include "ginnel/inventory/snapshot.hpp"
#include "ginnel/sys/blocked_call.hpp"
#include "ginnel/sys/directory.hpp"
#include "ginnel/sys/foreign_descriptor.hpp"
#include "landmarks.hpp"
#include "polled_files.hpp"
#include "proc_text.hpp"
#include "spaces.hpp"

// One walk over /proc: what every process has open and mapped and waits for, before anybody makes objects of it. Each
// process is read through its own directory, opened once: a pid that is reused meanwhile gives ESRCH and not another's facts.

namespace ginnel::inventory {

struct OpenFile {
  pid_t pid = 0;
  pid_t tid = 0;  ///< whose table of descriptors it is: the leader's, or a thread's own
  int fd = -1;
  Access access = Access::none;
  FileStatus status;
  std::string target;  ///< of the link in /proc, for files and anonymous inodes
  std::string info;    ///< fdinfo, for anonymous inodes, locked files and sockets with something to receive
};

struct MappedFile {
  pid_t pid = 0;
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t start = 0;
  struct Origin {
    FileStatus status;
    std::uint64_t handle = 0;  ///< tells two segments of one id apart; 0: not told
  };
  std::optional<Origin> origin;  ///< as it was found where the mapping is
  Access access = Access::none;
  std::string path;

  /// The origin, unless another file was mapped there between the look at maps and the look at map_files.
  [[nodiscard]] const Origin* proven_origin() const noexcept {
    return origin && origin->status.device == device && origin->status.inode == inode ? &*origin : nullptr;
  }
};

/// The futex that a thread sleeps on.
struct FutexWord {
  std::uint64_t address = 0;
  bool shared = false;  ///< in memory that other processes may map
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t offset = 0;  ///< in the file
  bool priority_inheriting = false;
  std::optional<std::pair<std::uint32_t, std::int32_t>>
      words;  ///< the word, and the one 8 bytes after, where glibc keeps the owner
};

/// The arguments of a thread that polls.
struct PollCall {
  PollBy by = PollBy::poll;
  int set = -1;  ///< the epoll descriptor
  std::vector<PolledFile> files;
  bool timed = false;
  bool complete = true;
};

struct BlockedThread {
  pid_t pid = 0;
  pid_t tid = 0;
  BlockedCall call;
  Fact<std::chrono::nanoseconds> since;
  std::optional<FutexWord> futex;
  std::optional<std::pair<std::string, FileStatus>> opening;  ///< the FIFO whose other side is waited for
  std::string connecting;  ///< name of the Unix socket that is to accept, `@` before an abstract one
  std::optional<PollCall> poll;
};

struct ProcessSignals {
  pid_t pid = 0;
  ProcessStatus status;
};

/// What is asked through a copy of the descriptor, or, of a pipe, by the kernel's own program.
struct Insight {
  std::optional<PipeStatus> pipe;
  std::optional<std::pair<std::uint32_t, std::uint32_t>> ends;  ///< how many readers and writers the kernel counts
  std::optional<std::vector<std::string>> seals;
};

struct FileKey {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  bool operator==(const FileKey&) const = default;
};
struct HashFileKey {
  std::size_t operator()(const FileKey& key) const noexcept { return key.inode * 0x9e3779b97f4a7c15U ^ key.device; }
};

struct Census {
  std::vector<ProcessInfo> processes;  ///< sorted by pid
  std::vector<pid_t> unreadable;
  std::vector<OpenFile> files;
  std::vector<MappedFile> mappings;
  std::vector<BlockedThread> blocked;
  std::vector<ProcessSignals> signals;  ///< of processes that have any pending
  std::unordered_map<FileKey, Insight, HashFileKey> insights;
  std::unordered_map<pid_t, pid_t> process_of_thread;  ///< of processes with more threads than one
  std::string locks;                                   ///< /proc/locks
  bool pipes_by_program = false;                       ///< PipeStates served, and no descriptor of a pipe was copied
};

/// Errors: ENOENT (no /proc), EMFILE, ENFILE, ENOMEM.
[[nodiscard]] Result<Census> take_census(const ScanOptions& options, const Landmarks& landmarks, Spaces& spaces);

}  // namespace ginnel::inventory
