#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ginnel/inventory/snapshot.hpp"
#include "ginnel/sys/directory.hpp"
#include "ginnel/sys/file_lock.hpp"

// What all files of ginnel's own messaging have in common, read by their documented format (docs/FORMAT.md): somebody keeps them, who
// holds a lock on their first byte and has put a stamp into them. They are other processes' memory: read as bytes, never mapped,
// and nothing in them is believed before it was checked.

namespace ginnel::inventory {

inline constexpr std::size_t kept_page_bytes = 4096;

/// A number at a place of a page, in the byte order of the machine. The page has to be as long.
template <class Number>
[[nodiscard]] Number number_at(std::string_view page, std::size_t offset) noexcept {
  Number number{};
  std::memcpy(&number, page.data() + offset, sizeof number);
  return number;
}

/// The field up to its first zero byte; what is no printable ASCII comes as `?`.
[[nodiscard]] std::string text_at(std::string_view page, std::size_t offset, std::size_t size);

/// Why a page is none of this magic (eight bytes) and this version; empty when it is one.
[[nodiscard]] std::string_view why_foreign(std::string_view page, std::string_view magic) noexcept;

/// Who put it there.
struct Keeper {
  pid_t pid = 0;  ///< in its own pid namespace
  std::uint64_t start_ticks = 0;
  std::uint64_t pid_namespace = 0;
  std::string boot_id;
};
[[nodiscard]] Keeper keeper_at(std::string_view page, std::size_t offset);

/// The type of the messages, `Pose (24 bytes, version 2)`, from its stamp in the page.
[[nodiscard]] std::string message_type_at(std::string_view page, std::size_t offset);

/// Its first page, which is shorter where the file is.
struct KeptFile {
  std::string name;
  FileStatus status;
  Fact<bool> locked;  ///< whether somebody holds its first byte
  std::string page;
  UniqueFd file;
};
/// None where it has gone meanwhile, or something else has its name.
[[nodiscard]] std::optional<KeptFile> read_kept_file(const Directory& folder, const char* name);

/// Whether somebody holds a lock on any byte of the range.
[[nodiscard]] Fact<bool> is_locked(UniqueFd& file, ByteRange range);

/// The folder of an object, whatever it holds, as it was at one look.
struct MessagingFolder {
  std::string name;    ///< `topic:robot/pose`
  std::string folder;  ///< its path, as a process of that mount namespace names it
  FileStatus status;
  bool listed = true;                  ///< false: the folder may not be read
  bool truncated = false;              ///< there were more files than are looked at
  std::optional<FileStatus> bell;      ///< where it has one
  std::vector<std::string> strangers;  ///< names of files that do not belong there, at most a few

  void note_stranger(const std::string& file);
};
/// Sorted; none where the folder may not be listed, which it notes.
[[nodiscard]] std::vector<std::string> names_in(Directory& folder, MessagingFolder& object);
/// The identity of a folder that is there.
[[nodiscard]] ObjectId id_of_folder(Kind kind, const FileStatus& folder);

/// What the lock and the stamp say together. A lock that is free is the kernel's word that the keeper has gone.
[[nodiscard]] Fact<Life> life_of(const Snapshot& snapshot, const Keeper& keeper, const Fact<bool>& locked);
/// The keeper as a process of this snapshot; none where it has ended, or is of a pid namespace that is not the caller's.
[[nodiscard]] const ProcessInfo* process_of(const Snapshot& snapshot, const Keeper& keeper);
/// Whether its pid means the same here.
[[nodiscard]] bool is_numbered_here(const Snapshot& snapshot, const Keeper& keeper);

}  // namespace ginnel::inventory
