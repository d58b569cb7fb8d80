#pragma once

#include <functional>
#include <optional>
#include <string>

#include "ginnel/sys/directory.hpp"
#include "ginnel/sys/mapping_query.hpp"

namespace ginnel::inventory {

/// The address space of one process: asked about mapping by mapping where the kernel can do that, else read as text.
class MemoryMap {
 public:
  /// `process` is its directory in /proc. False when its map may not be read.
  [[nodiscard]] bool open(const Directory& process);

  using Wanted = std::function<bool(const MappingStatus& mapping)>;
  using Found = std::function<void(const MappingStatus& mapping, const std::string& path)>;
  /// The mappings of files that are wanted, with the path as the kernel prints it. False when the map could not be read to
  /// its end.
  [[nodiscard]] bool for_each_file(const Wanted& wanted, const Found& found);

  [[nodiscard]] std::optional<MappingStatus> at(std::uint64_t address);

 private:
  [[nodiscard]] bool for_each_line(const Wanted& wanted, const Found& found);
  [[nodiscard]] bool read_lines();

  UniqueFd maps_;
  bool can_be_asked_ = true;  ///< until the kernel says that it cannot: the same for all processes
  bool has_lines_ = false;
  std::string lines_;
  std::string path_;
};

}  // namespace ginnel::inventory
