#include "endpoints/server.hpp"

#include <cstdio>
#include <optional>

#include "cleanup.hpp"
#include "command.hpp"
#include "endpoints/hold_signals.hpp"
#include "endpoints/patience.hpp"

namespace ginnel::cli {

void ServerOptions::add_to(const VerbOptions& options, const std::string& what_listens) {
  options.add_flag("--listen", listen_, what_listens);
  mode_.add_to(options);
  options.add_option("--allow-uid", users_, "Let in only peers of this user; may be repeated").type_name("USER");
  options.add_option("--allow-gid", groups_, "Let in only peers of this group; may be repeated").type_name("GROUP");
}

Result<ListenOptions> ServerOptions::listen_options() const {
  ListenOptions options;
  auto mode = mode_.value(options.mode);
  if (!mode) return std::unexpected{mode.error()};
  options.mode = *mode;
  for (const std::string& user : users_) {
    auto uid = parse_user(user);
    if (!uid) return std::unexpected{uid.error()};
    options.allow_uids.push_back(*uid);
  }
  for (const std::string& group : groups_) {
    auto gid = parse_group(group);
    if (!gid) return std::unexpected{gid.error()};
    options.allow_gids.push_back(*gid);
  }
  return options;
}

bool is_unix_socket(const Address& address) noexcept {
  return address.kind == AddressKind::unix_stream || address.kind == AddressKind::unix_seqpacket ||
         address.kind == AddressKind::unix_datagram;
}

bool can_be_listened_at(const Address& address) noexcept {
  return is_unix_socket(address) || address.kind == AddressKind::channel;
}

Result<Outcome<UniqueFd, TimedOut>> accept_one(const Address& address, const ListenOptions& options,
                                               Deadline deadline) {
  const UnixType type = address.kind == AddressKind::unix_seqpacket ? UnixType::seqpacket : UnixType::stream;
  std::optional<PathToRemove> path;
  std::optional<HoldEndingSignals> hold{std::in_place};
  auto listener = UnixListener::listen(type, {address.name}, options);
  if (!listener) return std::unexpected{listener.error()};
  if (!address.name.starts_with('@')) path.emplace(address.name);
  hold.reset();

  for (;;) {
    auto accepted = listener->accept(deadline);
    if (!accepted) return std::unexpected{accepted.error()};
    if (auto* socket = accepted->get_if<UniqueFd>()) return std::move(*socket);
    if (accepted->is<TimedOut>()) return TimedOut{};
    const Credentials peer = accepted->as<Refused>().peer;
    std::fprintf(stderr, "ginnel: %s: refused process %d of uid %u, gid %u: not on the list\n",
                 address.to_string().c_str(), static_cast<int>(peer.pid), static_cast<unsigned>(peer.uid),
                 static_cast<unsigned>(peer.gid));
  }
}

Result<Outcome<UniqueFd, TimedOut>> connect_to(const Address& address, Deadline deadline) {
  const auto connect = [&]<class Socket>(std::type_identity<Socket>) -> Result<Outcome<UniqueFd, TimedOut>> {
    auto connected =
        connect_patiently(address, deadline, [&](Deadline by) { return Socket::connect({address.name}, by); });
    if (!connected) return std::unexpected{connected.error()};
    if (auto* socket = connected->template get_if<Socket>()) return std::move(*socket).release();
    return TimedOut{};
  };
  if (address.kind == AddressKind::unix_seqpacket) return connect(std::type_identity<UnixSeqpacket>{});
  return connect(std::type_identity<UnixStream>{});
}

}  // namespace ginnel::cli
