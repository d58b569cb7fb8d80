#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

// What a thread polls, taken from the bytes of its memory and from fdinfo. Pure functions over what another process has put there:
// whatever comes, they give files or none.

namespace ginnel::inventory {

struct PolledFile {
  int fd = -1;
  bool reading = false;
  bool writing = false;  ///< neither: for its end, or for what is not told here
  bool edge_triggered = false;
  std::uint64_t device = 0;  ///< of an epoll set: the file that was added under this number; 0 where it is not told
  std::uint64_t inode = 0;
  bool operator==(const PolledFile&) const = default;
};

/// An array of struct pollfd. Source: poll(2).
[[nodiscard]] std::vector<PolledFile> polled_files(std::string_view bytes);
/// Two sets of select(2) for the numbers below `count`; of a set that is not given, the text is empty.
[[nodiscard]] std::vector<PolledFile> selected_files(std::string_view reading, std::string_view writing,
                                                     std::size_t count);
/// The `tfd:` lines of an epoll descriptor's fdinfo. Source: proc_pid_fdinfo(5).
[[nodiscard]] std::vector<PolledFile> watched_files(std::string_view fdinfo);

}  // namespace ginnel::inventory
