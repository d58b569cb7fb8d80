#pragma once

#include <string>
#include <vector>

#include "ginnel/core/address.hpp"
#include "ginnel/core/deadline.hpp"
#include "ginnel/core/outcome.hpp"
#include "ginnel/core/result.hpp"
#include "ginnel/sys/unix_socket.hpp"
#include "options.hpp"

namespace ginnel::cli {

/// --listen, and whom to let in: the side of a Unix socket, or of a channel, that waits.
class ServerOptions {
 public:
  void add_to(const VerbOptions& options, const std::string& what_listens);
  [[nodiscard]] bool listens() const noexcept { return listen_; }
  /// Errors: EINVAL (a mode, user or group; or lists without --listen).
  [[nodiscard]] Result<ListenOptions> listen_options() const;

 private:
  bool listen_ = false;
  ModeOption mode_;
  std::vector<std::string> users_;
  std::vector<std::string> groups_;
};

[[nodiscard]] bool is_unix_socket(const Address& address) noexcept;
/// Unix sockets, and channels, which begin at one.
[[nodiscard]] bool can_be_listened_at(const Address& address) noexcept;

/// Binds the address, lets one peer in and takes the path away again. Peers that the lists do not admit are told on
/// standard error, and the wait goes on. The path goes too when a signal ends the command meanwhile.
[[nodiscard]] Result<Outcome<UniqueFd, TimedOut>> accept_one(const Address& address, const ListenOptions& options,
                                                             Deadline deadline);

/// Connects to a listening stream or seqpacket socket, with Patience.
[[nodiscard]] Result<Outcome<UniqueFd, TimedOut>> connect_to(const Address& address, Deadline deadline);

}  // namespace ginnel::cli
