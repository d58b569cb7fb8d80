#pragma once

#include <optional>
#include <string>
#include <unordered_set>

#include "census.hpp"
#include "ginnel/core/process_id.hpp"
#include "ginnel/sys/pipe_states.hpp"
#include "memory_map.hpp"
#include "scheduler_clocks.hpp"

namespace ginnel::inventory {

/// Reads one process after the other into a census; its buffers are used again for each.
class ProcessReader {
 public:
  ProcessReader(const ScanOptions& options, const Landmarks& landmarks, Spaces& spaces,
                const std::unordered_set<std::uint64_t>& locked_inodes, Census& census)
      : options_{options}, landmarks_{landmarks}, spaces_{spaces}, locked_inodes_{locked_inodes}, census_{census} {
    if (!wants(Kind::pipe) && !wants(Kind::fifo)) return;
    if (auto pipes = PipeStates::prepare()) pipes_ = std::move(*pipes);
  }

  /// The caller's own namespaces: which files are of interest is known then, whatever may be asked of others. First of all.
  void visit_own_spaces(const Directory& proc);
  /// A process that has gone is left out. Errors: EMFILE, ENFILE, ENOMEM.
  [[nodiscard]] Result<void> read(const Directory& proc, pid_t pid);
  /// Once all are read: the pipes that were not asked about yet.
  void look_into_pipes();

 private:
  [[nodiscard]] bool wants(Kind kind) const { return options_.kinds.empty() || options_.kinds.contains(kind); }
  [[nodiscard]] bool wants_mappings() const;
  [[nodiscard]] std::optional<ProcessInfo> read_facts(const Directory& folder, pid_t pid);
  void read_whereabouts(const Directory& folder, ProcessInfo& facts);
  [[nodiscard]] std::optional<std::pair<pid_t, Directory>> living_thread(const Directory& folder, char& state);
  [[nodiscard]] Fact<std::uint64_t> read_namespace(const Directory& folder, const char* link);
  /// False when the table may not be read, or may be listed and not followed: by root without CAP_SYS_PTRACE.
  [[nodiscard]] bool read_descriptors(const Directory& folder, pid_t pid, pid_t tid);
  [[nodiscard]] bool read_descriptor(const Directory& fds, const Directory& folder, pid_t pid, pid_t tid, int fd);
  [[nodiscard]] bool is_of_interest(const FileStatus& status) const;
  void look_closer(const OpenFile& file);
  [[nodiscard]] bool ask_program();
  void ask_copy_of(const OpenFile& file);
  [[nodiscard]] Result<UniqueFd> copy_of(const OpenFile& file);
  [[nodiscard]] bool read_mappings(const Directory& folder, pid_t pid);
  [[nodiscard]] std::optional<MappedFile::Origin> origin_of(const Directory& folder, const MappingStatus& mapping);
  /// False when what the threads wait for may not be asked.
  [[nodiscard]] bool read_threads(const Directory& folder, pid_t pid, pid_t speaker);
  [[nodiscard]] bool read_thread(const Directory& thread, pid_t pid, pid_t tid);
  void add_details(const Directory& thread, BlockedThread& blocked);
  [[nodiscard]] Fact<std::chrono::nanoseconds> asleep_since(const Directory& thread);
  [[nodiscard]] std::optional<FutexWord> futex_at(const BlockedThread& blocked, std::uint64_t address);
  [[nodiscard]] PollCall polled_by(const BlockedThread& blocked);
  [[nodiscard]] PollCall selected_by(const BlockedThread& blocked);
  [[nodiscard]] std::string connected_to(const BlockedThread& blocked);
  [[nodiscard]] std::optional<std::pair<std::string, FileStatus>> opened_by(const Directory& thread,
                                                                            const BlockedThread& blocked);
  /// The process of which `pid` is the number, held while it is read.
  [[nodiscard]] const Process* hold(pid_t pid);

  const ScanOptions& options_;
  const Landmarks& landmarks_;
  Spaces& spaces_;
  const std::unordered_set<std::uint64_t>& locked_inodes_;
  Census& census_;
  std::optional<Process> held_;
  pid_t held_pid_ = 0;
  unsigned threads_ = 1;
  std::optional<int> processor_;  ///< on which the process ran last, if it has one thread
  SchedulerClocks clocks_;
  std::optional<PipeStates> pipes_;  ///< where the kernel may be asked
  MemoryMap map_;                    ///< of the process that is read
  std::string text_, path_;
};

}  // namespace ginnel::inventory
