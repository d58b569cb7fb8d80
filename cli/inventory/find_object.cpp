#include "inventory/find_object.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>

#include "command.hpp"
#include "ginnel/core/address.hpp"

namespace ginnel::cli {
namespace {

using inventory::Kind;
using inventory::Object;

/// A channel's name is that of its listener's socket.
bool is_unix(AddressKind kind) {
  return kind == AddressKind::unix_stream || kind == AddressKind::unix_seqpacket ||
         kind == AddressKind::unix_datagram || kind == AddressKind::channel;
}

/// The scheme without what tells the types of Unix sockets apart, and an absolute path.
std::string comparable(const Address& address) {
  std::string name = address.name;
  const bool is_path = address.kind == AddressKind::fifo || address.kind == AddressKind::lock || is_unix(address.kind);
  if (is_path && !name.starts_with('@') && !name.starts_with('/')) {
    std::error_code ignored;
    name = (std::filesystem::current_path(ignored) / name).lexically_normal();
  }
  return name;
}

/// Whether two paths lead to one file, however they are spelled.
bool is_one_path(std::string_view one, std::string_view other) {
  if (one == other) return true;
  const auto last_part = [](std::string_view path) { return path.substr(path.rfind('/') + 1); };
  if (one.starts_with('@') || other.starts_with('@') || last_part(one) != last_part(other)) return false;
  struct stat first{};
  struct stat second{};
  return ::lstat(std::string{one}.c_str(), &first) == 0 && ::lstat(std::string{other}.c_str(), &second) == 0 &&
         first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

/// Of FIFOs, POSIX memory and named semaphores, which are known by their files.
std::string file_of(const Address& address) {
  switch (address.kind) {
    case AddressKind::fifo:
      return address.name;
    case AddressKind::posix_shm:
      return "/dev/shm" + address.name;
    case AddressKind::posix_semaphore:
      return "/dev/shm/sem." + address.name.substr(1);
    default:
      return {};
  }
}

bool is_of_file(const Object& object, Kind kind, const struct stat& file) {
  return object.id.kind == kind && object.id.device == file.st_dev && object.id.number == file.st_ino &&
         !object.deleted;
}

std::uint64_t own_ipc_namespace(const inventory::Snapshot& snapshot) {
  for (const inventory::NamespaceInfo& space : snapshot.coverage.namespaces)
    if (space.own && space.kind == NamespaceKind::ipc) return space.inode;
  return 0;
}

bool matches_sysv(const Address& address, const Object& object) {
  const std::string_view name = object.name;
  if (!name.starts_with(scheme(address.kind))) return false;
  if (address.sysv.id) return object.id.number == static_cast<std::uint64_t>(*address.sysv.id);
  return name == address.to_string();
}

bool matches(const Address& address, const std::string& wanted, const Object& object) {
  if (address.is_sysv()) return matches_sysv(address, object);
  if (address.kind == AddressKind::memfd)
    return object.id.kind == Kind::memfd && std::ranges::any_of(object.holders, [&](const inventory::Holder& holder) {
             return holder.pid == address.pid && holder.fd == address.fd;
           });
  if (address.kind == AddressKind::process)
    return std::ranges::any_of(object.holders, [&](const auto& holder) { return holder.pid == address.pid; }) ||
           std::ranges::any_of(object.waiters, [&](const auto& waiter) { return waiter.pid == address.pid; });
  if (is_unix(address.kind)) {
    const std::string_view name = object.name;
    return object.id.kind == Kind::unix_socket && is_one_path(name.substr(name.find(':') + 1), wanted);
  }
  if (address.kind == AddressKind::fifo || address.kind == AddressKind::lock) {
    const std::string prefix = std::string{scheme(address.kind)} + ":";
    return object.name.starts_with(prefix) && is_one_path(std::string_view{object.name}.substr(prefix.size()), wanted);
  }
  return object.name == address.to_string();
}

}  // namespace

Result<std::vector<const Object*>> find_objects(const inventory::Snapshot& snapshot, const std::string& text) {
  std::vector<const Object*> found;
  if (const auto id = inventory::ObjectId::parse(text)) {
    if (const Object* object = snapshot.object(*id)) found.push_back(object);
    return found;
  }
  const auto address = Address::parse(text);
  if (!address) return std::unexpected{address.error()};
  const std::string wanted = comparable(*address);
  for (const Object& object : snapshot.objects)
    if (matches(*address, wanted, object)) found.push_back(&object);
  return found;
}

const Object* find_here(const inventory::Snapshot& snapshot, const Address& address) {
  struct stat file{};
  const std::string path = file_of(address);
  const bool is_file = !path.empty();
  if (is_file && ::lstat(path.c_str(), &file) < 0) return nullptr;
  const Kind kind = address.kind == AddressKind::fifo              ? Kind::fifo
                    : address.kind == AddressKind::posix_semaphore ? Kind::posix_semaphore
                                                                   : Kind::posix_shm;
  const std::string wanted = comparable(address);
  const bool is_in_ipc_namespace = address.is_sysv() || address.kind == AddressKind::posix_queue;
  const std::uint64_t own_ipc = own_ipc_namespace(snapshot);
  const auto is_meant = [&](const Object& object) {
    if (is_file) return is_of_file(object, kind, file);
    return matches(address, wanted, object) && !object.deleted && (!is_in_ipc_namespace || object.id.space == own_ipc);
  };
  const auto found = std::ranges::find_if(snapshot.objects, is_meant);
  return found == snapshot.objects.end() ? nullptr : &*found;
}

}  // namespace ginnel::cli
