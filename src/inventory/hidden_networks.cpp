#include "hidden_networks.hpp"

#include <algorithm>
#include <unordered_set>

#include "ginnel/sys/socket_namespace.hpp"

namespace ginnel::inventory {
namespace {

bool names_sockets(const NamedFiles& files) {
  return std::ranges::any_of(files.paths, [](const NamedFile& file) { return file.status.type == FileType::socket; });
}

std::unordered_set<std::uint64_t> listed_sockets(const Spaces& spaces) {
  std::unordered_set<std::uint64_t> listed;
  for (const auto& [space, sockets] : spaces.network())
    for (const UnixSocketInfo& socket : sockets) listed.insert(socket.inode);
  return listed;
}

/// The fdinfo of Unix sockets alone tells of descriptors that wait in them.
bool is_unix(OpenFile& file) {
  const auto thread =
      Directory::open(("/proc/" + std::to_string(file.pid) + "/task/" + std::to_string(file.tid) + "/fdinfo").c_str());
  std::string text;
  if (!thread || !thread->read_file(std::to_string(file.fd).c_str(), text)) return false;
  if (!value_of(text, "scm_fds")) return false;
  file.info = std::move(text);
  return true;
}

/// Nullopt where it may not be asked; an invalid descriptor where the number is another file's by now.
std::optional<UniqueFd> namespace_of(const OpenFile& file) {
  const auto process = Process::open(file.pid);
  const auto copy = file.tid == file.pid && process ? copy_descriptor(*process, file.fd)
                                                    : copy_descriptor_of_thread(file.tid, file.fd);
  if (!copy) return std::nullopt;
  const auto status = file_status(copy->get());
  if (!status || status->inode != file.status.inode) return UniqueFd{};
  auto space = network_namespace_of(copy->get());
  if (!space) return std::nullopt;
  return std::move(*space);
}

}  // namespace

void visit_hidden_networks(Census& census, Spaces& spaces) {
  if (!names_sockets(spaces.files())) return;
  std::unordered_set<std::uint64_t> listed = listed_sockets(spaces);
  for (OpenFile& file : census.files) {
    if (file.status.type != FileType::socket || !listed.insert(file.status.inode).second || !is_unix(file)) continue;
    const auto space = namespace_of(file);
    if (!space) {
      spaces.miss_network_of(file.pid);
      continue;
    }
    if (!space->valid()) continue;
    spaces.visit_network_by(space->get(), file.pid);
    listed.merge(listed_sockets(spaces));
  }
}

}  // namespace ginnel::inventory
