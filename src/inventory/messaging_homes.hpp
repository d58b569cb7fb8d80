#pragma once

#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "latest_files.hpp"
#include "queue_files.hpp"
#include "topic_files.hpp"

namespace ginnel::inventory {

/// What ginnel's own messaging keeps in directories: each user's /dev/shm/ginnel-UID, $GINNEL_HOME of the caller, and whatever
/// directories the files lie in that somebody has open. Each folder is read once, by whichever way it is found first.
class MessagingHomes {
 public:
  /// Every home below the /dev/shm of a mount namespace.
  void visit_shm(Directory& shm);
  /// One home. `path` is what a process of that mount namespace calls it.
  void visit(const Directory& above, const char* name, const std::string& path);
  /// The folder that a file lies in, as /proc names it, if it is one of ours. `root` is that of the process.
  void visit_folder_of(const Directory& root, std::string_view file);

  [[nodiscard]] const std::vector<TopicFiles>& topics() const noexcept { return topics_; }
  [[nodiscard]] const std::vector<LatestFiles>& latests() const noexcept { return latests_; }
  [[nodiscard]] const std::vector<QueueFiles>& queues() const noexcept { return queues_; }
  /// Homes that may not be read, or hold more than is looked at: a sentence each.
  [[nodiscard]] const std::vector<std::string>& notes() const noexcept { return notes_; }

 private:
  void add(const Directory& home, const char* name, const std::string& home_path);

  std::vector<TopicFiles> topics_;
  std::vector<LatestFiles> latests_;
  std::vector<QueueFiles> queues_;
  std::vector<std::string> notes_;
  std::set<std::pair<std::uint64_t, std::uint64_t>> seen_;  ///< device and inode of homes and folders
  std::set<std::string, std::less<>> asked_;                ///< folders by path that were asked for
};

/// The path of the folder of an object of ours that a file lies in by its path: `/dev/shm/ginnel-0/topic:x`; empty for other files.
[[nodiscard]] std::string_view messaging_folder_of(std::string_view file) noexcept;
/// The kind of an object of ours by the name of its folder; none for other names.
[[nodiscard]] std::optional<Kind> messaging_kind_of(std::string_view folder_name) noexcept;

}  // namespace ginnel::inventory
