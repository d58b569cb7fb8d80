#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace ginnel::hostile {

/// What of others' memory this process may read: all of its mappings that are shared and cannot be written.
class Readable {
 public:
  [[nodiscard]] bool holds(std::span<const std::byte> bytes);

 private:
  struct Range {
    std::uintptr_t begin = 0;
    std::uintptr_t end = 0;
  };
  [[nodiscard]] bool known(std::span<const std::byte> bytes) const;
  void look();
  std::vector<Range> ranges_;
};

/// Reads each byte, as who uses a message does.
[[nodiscard]] std::uint64_t sum_of(std::span<const std::byte> bytes) noexcept;

}  // namespace ginnel::hostile
