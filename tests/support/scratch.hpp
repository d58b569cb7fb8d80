#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace ginnel::test {

/// A directory of the test's own, mode 0700, removed with all that is in it.
class ScratchDirectory {
 public:
  ScratchDirectory();
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;
  ~ScratchDirectory();
  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

/// A name that no other test and no other run uses: `/ginnel-test-PID-N`, for POSIX queues, memory and semaphores, and
/// with '@' in place of the slash for abstract sockets.
[[nodiscard]] std::string unique_name();
/// A System V key that nobody uses now.
[[nodiscard]] std::int32_t unique_key();

/// Runs something at the end of a test, failed or not.
template <class Call>
class [[nodiscard]] AtEnd {
 public:
  explicit AtEnd(Call call) : call_{std::move(call)} {}
  AtEnd(const AtEnd&) = delete;
  AtEnd& operator=(const AtEnd&) = delete;
  ~AtEnd() { call_(); }

 private:
  Call call_;
};

/// What this process has open: descriptor and target, sorted. Compare before and after.
[[nodiscard]] std::vector<std::string> open_descriptors();
[[nodiscard]] std::size_t open_descriptor_count();

/// Bytes that show any loss, doubling or reordering: a pseudo-random sequence, the same for the same seed.
[[nodiscard]] std::vector<std::byte> test_pattern(std::size_t size, std::uint32_t seed = 1);

}  // namespace ginnel::test
