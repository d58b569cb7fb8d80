#pragma once

#include <optional>
#include <string>
#include <vector>

#include "topic_files.hpp"

// The files of a newest value, as docs/FORMAT.md has them.

namespace ginnel::inventory {

/// The header of `value`.
struct ValuePage {
  Keeper keeper;
  std::string type;
  std::uint64_t longest = 0;  ///< bytes
  std::uint32_t slots = 0;
  std::uint64_t version = 0;  ///< how many values there have been; 0: none yet
};
/// Missing with the reason where it is none that can be read, or the file is shorter than it says.
[[nodiscard]] Fact<ValuePage> parse_value_page(std::string_view page, std::uint64_t file_bytes);

struct ValueFile {
  FileStatus status;
  Fact<bool> locked;
  Fact<ValuePage> page;
};

/// All that is in the folder of a newest value.
struct LatestFiles : MessagingFolder {
  std::optional<ValueFile> value;
  std::optional<FileStatus> successor;  ///< `value.new`: left by one who died when it was about to become the writer
  std::vector<ReaderFile> readers;
};

/// The folder as it was found, `folder` open. Takes no lock, maps nothing and writes nothing.
[[nodiscard]] LatestFiles read_latest(Directory& folder, const FileStatus& status);

}  // namespace ginnel::inventory
