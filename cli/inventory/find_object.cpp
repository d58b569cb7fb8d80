#include "inventory/find_object.hpp"

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
    return object.id.kind == Kind::unix_socket && name.substr(name.find(':') + 1) == wanted;
  }
  if (address.kind == AddressKind::fifo || address.kind == AddressKind::lock)
    return object.name == std::string{scheme(address.kind)} + ":" + wanted;
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

}  // namespace ginnel::cli
