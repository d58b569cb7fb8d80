#include "inventory/belonging.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace ginnel::cli {
namespace {

using inventory::Fact;
using inventory::Kind;
using inventory::Object;
using inventory::ProcessInfo;
using inventory::Snapshot;

using Space = Fact<std::uint64_t>;
using Name = Fact<std::string>;

/// The mount namespace in whose /dev/shm memory was found; 0: in none. The detail is `INODE (pid PID)`.
std::uint64_t mounts_of(const Object& object) {
  std::uint64_t inode = 0;
  if (const inventory::Detail* place = object.detail("mount-namespace"))
    std::from_chars(place->value.data(), place->value.data() + place->value.size(), inode);
  return inode;
}

bool is_in(const ProcessInfo* process, std::uint64_t inode) {
  if (process == nullptr) return false;
  const std::array spaces{&process->ipc_namespace, &process->network_namespace, &process->mount_namespace,
                          &process->pid_namespace, &process->user_namespace};
  return std::ranges::any_of(spaces, [&](const Space* space) { return space->value_or(0) == inode; });
}

}  // namespace

Space namespace_of(const Object& object) {
  switch (object.id.kind) {
    case Kind::sysv_shm:
    case Kind::sysv_queue:
    case Kind::sysv_semaphore:
    case Kind::posix_queue:
      return object.id.space != 0 ? Space{object.id.space} : Space::missing("which one was not told");
    case Kind::unix_socket:
      return object.id.space != 0 ? Space{object.id.space}
                                  : Space::missing("no socket is bound to the path, which belongs to its file system");
    case Kind::fifo:
    case Kind::lock:
    case Kind::posix_shm:
    case Kind::posix_semaphore:
    case Kind::topic:
    case Kind::latest:
    case Kind::queue:
      return Space::missing("a file belongs to its file system, which any mount namespace may show");
    case Kind::futex:
      return Space::missing("a word in memory belongs to whoever has mapped it");
    case Kind::signal:
      return Space::missing("it belongs to the process");
    default:
      return Space::missing("it belongs to whoever has it open or mapped");
  }
}

Name name_of(const Object& object) {
  if (!object.name.empty()) return object.name;
  switch (object.id.kind) {
    case Kind::unix_socket:
      return Name::missing("it is bound to none");
    case Kind::memfd:
      return Name::missing("it was made without one");
    case Kind::lock:
      return Name::missing("the path of its file is not seen");
    case Kind::futex:
      return Name::missing("a word in memory has none");
    default:
      return Name::missing("this kind has none");
  }
}

std::string foreign_place(const Snapshot& snapshot, const Object& object) {
  const std::uint64_t inode = mounts_of(object);
  if (inode == 0) return {};
  const auto is_own = [&](const inventory::NamespaceInfo& space) {
    return space.kind == NamespaceKind::mount && space.own && space.inode == inode;
  };
  if (std::ranges::any_of(snapshot.coverage.namespaces, is_own)) return {};
  const std::string& place = object.detail("mount-namespace")->value;
  const std::size_t member = place.find("pid ");
  return fmt::format("mount namespace {}, {}", inode,
                     member == std::string::npos ? "" : place.substr(member, place.find(')') - member));
}

bool is_in_namespace(const Snapshot& snapshot, const Object& object, std::uint64_t inode) {
  const auto by_process = [&](const auto& one) { return is_in(snapshot.process(one.pid), inode); };
  return namespace_of(object).value_or(0) == inode || mounts_of(object) == inode ||
         std::ranges::any_of(object.holders, by_process) || std::ranges::any_of(object.waiters, by_process);
}

bool is_namespace(const Snapshot& snapshot, std::uint64_t inode) {
  return std::ranges::any_of(snapshot.coverage.namespaces,
                             [&](const inventory::NamespaceInfo& space) { return space.inode == inode; }) ||
         std::ranges::any_of(snapshot.processes, [&](const ProcessInfo& process) { return is_in(&process, inode); });
}

}  // namespace ginnel::cli
