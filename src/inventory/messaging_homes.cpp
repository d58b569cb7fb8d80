#include "messaging_homes.hpp"

#include <cerrno>

#include "words.hpp"

namespace ginnel::inventory {
namespace {

constexpr std::string_view home_prefix = "ginnel-";
constexpr std::size_t folders_looked_at = 4096;

/// What is read of a folder of that kind, as far as it may be read.
template <class Files>
Files read_files(Result<Directory>& folder, const FileStatus& status, Files (*read)(Directory&, const FileStatus&)) {
  if (folder) return read(*folder, status);
  Files files;
  files.status = status;
  files.listed = false;
  return files;
}

}  // namespace

std::optional<Kind> messaging_kind_of(std::string_view folder_name) noexcept {
  for (const Kind kind : {Kind::topic, Kind::latest, Kind::queue}) {
    const std::string_view word = to_string(kind);
    if (folder_name.starts_with(word) && folder_name.substr(word.size()).starts_with(':')) return kind;
  }
  return std::nullopt;
}

std::string_view messaging_folder_of(std::string_view file) noexcept {
  const std::size_t end = file.rfind('/');
  if (end == std::string_view::npos || !file.starts_with('/')) return {};
  const std::string_view folder = file.substr(0, end);
  return messaging_kind_of(folder.substr(folder.rfind('/') + 1)) ? folder : std::string_view{};
}

void MessagingHomes::visit_shm(Directory& shm) {
  std::vector<std::string> homes;
  static_cast<void>(shm.for_each([&](const char* name, FileType) {
    std::string_view text{name};
    if (!text.starts_with(home_prefix)) return true;
    text.remove_prefix(home_prefix.size());
    if (to_number<std::uint32_t>(text)) homes.emplace_back(name);
    return true;
  }));
  for (const std::string& name : homes) visit(shm, name.c_str(), "/dev/shm/" + name);
}

void MessagingHomes::visit(const Directory& above, const char* name, const std::string& path) {
  const auto status = above.status(name, Follow::no);
  if (!status || status->type != FileType::directory) return;
  auto home = above.open_below(name);
  const auto opened = home ? file_status(home->descriptor()) : Result<FileStatus>{std::unexpected{home.error()}};
  if (!opened) {
    if (opened.error().code() == EACCES && seen_.emplace(status->device, status->inode).second)
      notes_.push_back("the topics, newest values and queues in " + path + " are not listed: it is uid " +
                       std::to_string(status->user) + "'s, and may not be read");
    return;
  }
  // What was put in its place meanwhile is another time's affair.
  if (opened->inode != status->inode || !seen_.emplace(opened->device, opened->inode).second) return;
  std::vector<std::string> folders;
  static_cast<void>(home->for_each([&](const char* folder, FileType) {
    if (messaging_kind_of(folder)) folders.emplace_back(folder);
    return true;
  }));
  for (const std::string& folder : folders) add(*home, folder.c_str(), path);
}

void MessagingHomes::visit_folder_of(const Directory& root, std::string_view file) {
  const std::string_view folder = messaging_folder_of(file);
  if (folder.empty() || asked_.contains(folder)) return;
  asked_.emplace(folder);
  const std::size_t end = folder.rfind('/');
  const std::string home_path{folder.substr(0, end)};
  const auto home = root.open_below(("." + home_path).c_str());
  if (home) add(*home, std::string{folder.substr(end + 1)}.c_str(), home_path);
}

void MessagingHomes::add(const Directory& home, const char* name, const std::string& home_path) {
  const auto kind = messaging_kind_of(name);
  const auto status = home.status(name, Follow::no);
  if (!kind || !status || status->type != FileType::directory) return;
  if (seen_.contains({status->device, status->inode})) return;
  if (topics_.size() + latests_.size() + queues_.size() == folders_looked_at) {
    if (notes_.empty() || !notes_.back().starts_with("there are more"))
      notes_.emplace_back("there are more topics, newest values and queues than a scan looks at");
    return;
  }
  seen_.emplace(status->device, status->inode);
  auto folder = home.open_below(name);
  const auto opened = folder ? file_status(folder->descriptor()) : Result<FileStatus>{std::unexpected{folder.error()}};
  if (opened && opened->inode != status->inode) return;
  const auto named = [&](auto files) {
    const std::string_view prefix = to_string(*kind);
    files.name = std::string{prefix} + ":" + unescaped(std::string_view{name}.substr(prefix.size() + 1));
    files.folder = home_path + "/" + name;
    return files;
  };
  if (*kind == Kind::topic) topics_.push_back(named(read_files(folder, *status, read_topic)));
  if (*kind == Kind::latest) latests_.push_back(named(read_files(folder, *status, read_latest)));
  if (*kind == Kind::queue) queues_.push_back(named(read_files(folder, *status, read_queue)));
}

}  // namespace ginnel::inventory
