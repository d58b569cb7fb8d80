#include "spaces.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "entering.hpp"
#include "ginnel/sys/file_numbers.hpp"
#include "ginnel/sys/inside.hpp"
#include "ginnel/sys/namespaces.hpp"
#include "ipc_space.hpp"

namespace ginnel::inventory {
namespace {

constexpr std::size_t entries_limit = 100'000;
constexpr int depth_limit = 6;
constexpr std::string_view semaphore_prefix = "sem.";

/// Value and waiters of a named semaphore, as glibc keeps them on 64-bit machines: the halves of its first 8 bytes. Read as
/// bytes: sem_open(3) on a file of no length would end in SIGBUS.
std::optional<std::pair<std::uint32_t, std::uint32_t>> read_semaphore(const Directory& folder, const char* name) {
  std::string bytes;
  std::array<std::uint32_t, 2> halves{};
  static_cast<void>(folder.read_file(name, bytes, sizeof halves));
  if (bytes.size() != sizeof halves) return std::nullopt;
  std::memcpy(halves.data(), bytes.data(), sizeof halves);
  return std::pair{halves[0], halves[1]};
}

Result<std::vector<UnixSocketInfo>> look_at_sockets(std::span<const int> namespaces) {
  if (namespaces.empty()) {
    const auto diag = open_unix_diag();
    if (!diag) return std::unexpected{diag.error()};
    return unix_sockets(diag->get());
  }
  auto carried = run_inside(namespaces, []() -> Result<Carried> {
    auto diag = open_unix_diag();
    if (!diag) return std::unexpected{diag.error()};
    Carried socket;
    socket.descriptors.push_back(std::move(*diag));
    return socket;
  });
  if (!carried) return std::unexpected{carried.error()};
  if (carried->descriptors.empty()) return std::unexpected{Error{EBADMSG, "recvmsg", "helper process"}};
  return unix_sockets(carried->descriptors.front().get());
}

/// $GINNEL_HOME of the caller, which may lie anywhere.
void visit_own_home(MessagingHomes& homes) {
  const char* const home = std::getenv("GINNEL_HOME");
  if (home == nullptr || *home == '\0') return;
  std::string path{home};
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  const std::size_t slash = path.rfind('/');
  const std::string above = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const auto folder = Directory::open(above.c_str());
  if (folder) homes.visit(*folder, path.substr(slash == std::string::npos ? 0 : slash + 1).c_str(), path);
}

std::string_view why_not(const Error& error) noexcept {
  switch (error.code()) {
    case EPERM:
    case EACCES:
      return "needs CAP_SYS_ADMIN";
    case ESRCH:
      return "its last process ended meanwhile";
    case EMFILE:
    case ENFILE:
      return "no descriptors left (RLIMIT_NOFILE; raise it: ulimit -n)";
    default:
      return "could not be entered";
  }
}

}  // namespace

Spaces::Spaces(const ScanOptions& options) : options_{options} {
  for (const NamespaceKind kind :
       {NamespaceKind::ipc, NamespaceKind::network, NamespaceKind::mount, NamespaceKind::pid})
    if (const auto own = own_namespace_identity(kind)) own_[kind] = own->inode;
}

bool Spaces::wants_homes() const {
  const auto& kinds = options_.kinds;
  return kinds.empty() || std::ranges::any_of(std::array{Kind::topic, Kind::latest, Kind::queue, Kind::posix_shm},
                                              [&](Kind kind) { return kinds.contains(kind); });
}

bool Spaces::wanted(const NamespaceInfo& space) const noexcept {
  if (options_.only_namespace) return *options_.only_namespace == space.inode;
  return space.own || options_.namespaces == NamespaceScope::all;
}

void Spaces::visit_those_of(const ProcessInfo& process, const Directory& folder) {
  const std::array spaces{std::pair{NamespaceKind::ipc, &process.ipc_namespace},
                          std::pair{NamespaceKind::network, &process.network_namespace},
                          std::pair{NamespaceKind::mount, &process.mount_namespace},
                          std::pair{NamespaceKind::pid, &process.pid_namespace}};
  for (const auto& [kind, inode] : spaces) {
    if (!inode->known()) continue;
    const auto known = known_.find({kind, **inode});
    // The process by which it was to be visited may have ended just then: the next one is another chance.
    if (known != known_.end() && (seen_[known->second].visited || !wanted(seen_[known->second]))) {
      if (kind == NamespaceKind::mount && seen_[known->second].visited && is_another_root(**inode, folder))
        static_cast<void>(visit_mounts({**inode, process.pid, own_[kind] == **inode}, folder));
      continue;
    }
    visit({.kind = kind,
           .inode = **inode,
           .member = process.pid,
           .own = own_[kind] == **inode,
           .visited = true,
           .reason = {}},
          folder);
  }
}

void Spaces::visit(NamespaceInfo space, const Directory& folder) {
  if (!wanted(space)) {
    space.visited = false;
    space.reason = "not asked for";
  } else {
    std::optional<Error> failed;
    if (space.kind == NamespaceKind::ipc) failed = visit_ipc(space);
    if (space.kind == NamespaceKind::network) failed = visit_network(space);
    if (space.kind == NamespaceKind::mount) {
      static_cast<void>(is_another_root(space.inode, folder));
      failed = visit_mounts({space.inode, space.member, space.own}, folder);
    }
    if (space.kind == NamespaceKind::mount && space.own && wants_homes()) visit_own_home(homes_);
    space.visited = !failed;
    if (failed) space.reason = why_not(*failed);
    if (space.kind == NamespaceKind::ipc && !failed) space.queues_listed = ipc_[space.inode].queue_device.has_value();
  }
  note(space);
}

void Spaces::note(const NamespaceInfo& space) {
  const auto [known, is_new] = known_.try_emplace({space.kind, space.inode}, seen_.size());
  if (is_new)
    seen_.push_back(space);
  else
    seen_[known->second] = space;
}

std::optional<Error> Spaces::visit_ipc(const NamespaceInfo& space) {
  auto seen = work_in(space, look_into_ipc_space);
  if (!seen) return seen.error();
  if (seen->queue_device) ipc_devices_.insert(*seen->queue_device);
  ipc_[space.inode] = std::move(*seen);
  return std::nullopt;
}

std::optional<Error> Spaces::visit_network(const NamespaceInfo& space) {
  auto seen = work_in(space, look_at_sockets);
  if (!seen) return seen.error();
  keep_network(space.inode, std::move(*seen));
  return std::nullopt;
}

void Spaces::visit_network_by(int way, pid_t holder) {
  const auto status = file_status(way);
  if (!status) return miss_network_of(holder);
  NamespaceInfo space{.kind = NamespaceKind::network,
                      .inode = status->inode,
                      .member = holder,
                      .own = own_[NamespaceKind::network] == status->inode,
                      .visited = false,
                      .reason = "not asked for"};
  const auto known = known_.find({space.kind, space.inode});
  if (known != known_.end()) return;
  if (wanted(space)) {
    auto sockets = look_at_sockets(std::array{way});
    space.visited = sockets.has_value();
    space.reason = sockets ? std::string_view{} : why_not(sockets.error());
    if (sockets) keep_network(space.inode, std::move(*sockets));
  }
  note(space);
}

void Spaces::miss_network_of(pid_t holder) {
  note({.kind = NamespaceKind::network,
        .inode = 0,
        .member = holder,
        .own = false,
        .visited = false,
        .reason = "a Unix socket is open that no namespace lists, and its own could not be asked for"});
}

void Spaces::keep_network(std::uint64_t inode, std::vector<UnixSocketInfo> sockets) {
  // Of datagrams only the size of the first is told, and an empty one can carry descriptors too.
  for (const UnixSocketInfo& socket : sockets)
    if (socket.receive_queue > 0 || socket.type != UnixSocketInfo::Type::stream)
      sockets_with_mail_.insert(socket.inode);
  network_[inode] = std::move(sockets);
}

std::optional<Error> Spaces::visit_mounts(const MountPlace& place, const Directory& folder) {
  const auto root = folder.open_below("root");
  if (!root) return root.error();
  add_shm(place, *root);
  for (const char* path : {"run", "tmp", "var/tmp"}) {
    const auto status = root->status(path, Follow::yes);
    const auto below = root->open_below(path);
    if (status && below) add_paths(*below, std::string{"/"} + path, status->device, 0);
  }
  return std::nullopt;
}

/// Notes the root of a process, as the namespace names it. False where the whole of it was seen, or just this part.
bool Spaces::is_another_root(std::uint64_t mounts, const Directory& process) {
  constexpr const char* whole = "/";
  std::set<std::string>& roots = roots_[mounts];
  if (roots.contains(whole)) return false;
  std::string root;
  return process.read_link("root", root).has_value() && roots.insert(std::move(root)).second;
}

void Spaces::add_shm(const MountPlace& place, const Directory& root) {
  auto folder = root.open_below("dev/shm");
  if (!folder) return;
  const auto status = file_status(folder->descriptor());
  const auto around = root.status("dev", Follow::yes);
  // A plain folder of a container without a /dev/shm of its own is no place of shared memory.
  if (!status || (around && around->device == status->device)) return;
  MountPlace& known = files_.shm_devices.try_emplace(status->device, place).first->second;
  if (place.own && !known.own) known = place;
  ipc_devices_.insert(status->device);
  if (!folders_seen_.emplace(status->device, status->inode).second) return;
  if (wants_homes()) homes_.visit_shm(*folder);
  const bool kernel_numbers = shows_kernel_numbers(folder->descriptor()).value_or(false);
  static_cast<void>(folder->for_each([&](const char* name, FileType) {
    const auto file = folder->status(name, Follow::no);
    if (!file || file->type != FileType::regular) return true;
    NamedFile named{.path = name, .status = *file, .semaphore = {}, .kernel_numbers = kernel_numbers};
    if (std::string_view{name}.starts_with(semaphore_prefix)) named.semaphore = read_semaphore(*folder, name);
    files_.shm.push_back(std::move(named));
    return true;
  }));
}

void Spaces::visit_folder_of(std::string_view file, const Directory& process) {
  if (!wants_homes() || messaging_folder_of(file).empty()) return;
  if (const auto root = process.open_below("root")) homes_.visit_folder_of(*root, file);
}

void Spaces::add_paths(const Directory& folder, const std::string& path, std::uint64_t device, int depth) {
  const auto own = file_status(folder.descriptor());
  if (!own || own->device != device || !folders_seen_.emplace(own->device, own->inode).second) return;
  const bool kernel_numbers = shows_kernel_numbers(folder.descriptor()).value_or(false);
  std::vector<std::string> below;
  auto again = folder.open_below(".");
  if (!again) return;
  static_cast<void>(again->for_each([&](const char* name, FileType type) {
    if (++entries_seen_ > entries_limit) return !(files_.truncated = true);
    if (type == FileType::unknown)
      if (const auto status = folder.status(name, Follow::no)) type = status->type;
    if (type == FileType::directory) below.emplace_back(name);
    if (type != FileType::socket && type != FileType::fifo) return true;
    if (const auto status = folder.status(name, Follow::no))
      files_.paths.push_back(
          {.path = path + "/" + name, .status = *status, .semaphore = {}, .kernel_numbers = kernel_numbers});
    return true;
  }));
  if (depth == depth_limit) return;
  for (const std::string& name : below)
    if (const auto next = folder.open_below(name.c_str()))
      add_paths(*next, std::string{path}.append("/").append(name), device, depth + 1);
}

}  // namespace ginnel::inventory
