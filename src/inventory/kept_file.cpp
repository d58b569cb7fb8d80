#include "kept_file.hpp"

#include <algorithm>

namespace ginnel::inventory {
namespace {

constexpr std::uint32_t known_version = 1;
constexpr std::size_t version_offset = 8;
constexpr std::size_t header_bytes_offset = 12;
constexpr ByteRange kept_range{.start = 0, .length = 1};

constexpr std::size_t files_looked_at = 4096;
constexpr std::size_t strangers_named = 8;

namespace type_at {
constexpr std::size_t name_bytes = 104, version = 112, size = 116, sequence = 124;
}  // namespace type_at

}  // namespace

Fact<bool> is_locked(UniqueFd& file, ByteRange range) {
  RangeLocks locks = RangeLocks::adopt(std::move(file));
  const auto conflict = locks.conflict(range, LockMode::exclusive);
  file = std::move(locks).release();
  if (!conflict) return Fact<bool>::missing("its lock could not be asked");
  return conflict->has_value();
}

void MessagingFolder::note_stranger(const std::string& file) {
  if (strangers.size() < strangers_named) strangers.push_back(file);
}

std::vector<std::string> names_in(Directory& folder, MessagingFolder& object) {
  std::vector<std::string> names;
  const auto listed = folder.for_each([&](const char* name, FileType) {
    if (names.size() == files_looked_at) return !(object.truncated = true);
    names.emplace_back(name);
    return true;
  });
  object.listed = listed.has_value();
  std::ranges::sort(names);
  return names;
}

ObjectId id_of_folder(Kind kind, const FileStatus& folder) {
  const auto born = folder.born;
  return {.kind = kind,
          .device = folder.device,
          .number = folder.inode,
          .generation = born ? static_cast<std::uint64_t>(born->time_since_epoch().count()) : 0};
}

std::string message_type_at(std::string_view page, std::size_t offset) {
  const auto size = number_at<std::uint32_t>(page, offset + type_at::size);
  const auto version = number_at<std::uint32_t>(page, offset + type_at::version);
  const bool sequence = number_at<std::uint32_t>(page, offset + type_at::sequence) != 0;
  std::string text = (sequence ? "sequence of " : "") + text_at(page, offset, type_at::name_bytes);
  text += " (" + std::to_string(size) + " bytes";
  if (version != 0) text += ", version " + std::to_string(version);
  return text + ")";
}

std::string text_at(std::string_view page, std::size_t offset, std::size_t size) {
  std::string text{page.substr(offset, size)};
  text.resize(std::min(text.find('\0'), text.size()));
  std::ranges::replace_if(text, [](char c) { return c < ' ' || c > '~'; }, '?');
  return text;
}

std::string_view why_foreign(std::string_view page, std::string_view magic) noexcept {
  if (page.size() < kept_page_bytes) return "it is shorter than its first page";
  if (!page.starts_with(magic)) return "it is no such file of ginnel's";
  if (number_at<std::uint32_t>(page, version_offset) != known_version) return "it has another version of the format";
  if (number_at<std::uint32_t>(page, header_bytes_offset) != kept_page_bytes) return "its header has a wrong size";
  return {};
}

Keeper keeper_at(std::string_view page, std::size_t offset) {
  constexpr std::size_t start_offset = 8;
  constexpr std::size_t namespace_offset = 16;
  constexpr std::size_t boot_offset = 24;
  constexpr std::size_t boot_bytes = 40;
  return {.pid = number_at<pid_t>(page, offset),
          .start_ticks = number_at<std::uint64_t>(page, offset + start_offset),
          .pid_namespace = number_at<std::uint64_t>(page, offset + namespace_offset),
          .boot_id = text_at(page, offset + boot_offset, boot_bytes)};
}

std::optional<KeptFile> read_kept_file(const Directory& folder, const char* name) {
  KeptFile kept;
  kept.name = name;
  auto file = folder.open_regular_file(name);
  if (!file) {
    // It may not be read: that it is there is something too.
    const auto status = folder.status(name, Follow::no);
    if (!status || status->type != FileType::regular) return std::nullopt;
    kept.status = *status;
    kept.locked = Fact<bool>::missing("may not be read");
    return kept;
  }
  const auto status = file_status(file->get());
  if (!status) return std::nullopt;
  kept.status = *status;
  kept.file = std::move(*file);
  kept.locked = is_locked(kept.file, kept_range);
  kept.page.resize(kept_page_bytes);
  const auto got = read_at(kept.file.get(), 0, std::as_writable_bytes(std::span{kept.page}));
  kept.page.resize(got ? *got : 0);
  return kept;
}

bool is_numbered_here(const Snapshot& snapshot, const Keeper& keeper) {
  if (keeper.pid <= 0 || keeper.pid_namespace == 0) return false;
  return std::ranges::any_of(snapshot.coverage.namespaces, [&](const NamespaceInfo& space) {
    return space.kind == NamespaceKind::pid && space.own && space.inode == keeper.pid_namespace;
  });
}

const ProcessInfo* process_of(const Snapshot& snapshot, const Keeper& keeper) {
  if (!is_numbered_here(snapshot, keeper) || keeper.boot_id != snapshot.boot_id) return nullptr;
  const ProcessInfo* process = snapshot.process(keeper.pid);
  return process != nullptr && process->alive() && process->start_ticks == keeper.start_ticks ? process : nullptr;
}

Fact<Life> life_of(const Snapshot& snapshot, const Keeper& keeper, const Fact<bool>& locked) {
  if (!locked) return Fact<Life>::missing(locked.reason());
  const bool is_seen = is_numbered_here(snapshot, keeper) && !snapshot.coverage.processes_hidden;
  const ProcessInfo* now = is_seen ? snapshot.process(keeper.pid) : nullptr;
  const bool is_another =
      now != nullptr && now->alive() && (now->start_ticks != keeper.start_ticks || keeper.boot_id != snapshot.boot_id);
  if (*locked && (!is_seen || process_of(snapshot, keeper) != nullptr)) return Life::alive;
  return is_another ? Life::reused : Life::dead;
}

}  // namespace ginnel::inventory
