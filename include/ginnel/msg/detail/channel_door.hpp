#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ginnel/core/bytes.hpp"
#include "ginnel/core/deadline.hpp"
#include "ginnel/core/outcome.hpp"
#include "ginnel/core/result.hpp"
#include "ginnel/msg/detail/channel_end.hpp"
#include "ginnel/msg/message.hpp"
#include "ginnel/msg/waiting.hpp"
#include "ginnel/sys/unix_socket.hpp"

namespace ginnel {

struct ChannelListenOptions {
  /// Empty lists admit everybody who can reach the path. Otherwise a peer is let in when its uid is in `allow` or its gid
  /// (effective or supplementary) is in `allow_groups`.
  std::vector<uid_t> allow{};
  std::vector<gid_t> allow_groups{};
  /// Of the path. By default 0600, and 0666 where the lists decide.
  std::optional<mode_t> mode{};
  std::optional<uid_t> owner{};  ///< of the path; needs CAP_CHOWN when not the caller
  std::optional<gid_t> group{};
  int backlog = 128;
  /// Of the ring to each peer; rounded up to a power of two, 64 KiB to 1 GiB. By default 256 KiB, of a service 64 KiB.
  std::optional<Bytes> capacity{};
  Waiting waiting = Waiting::adaptive;
};

/// Somebody who wanted to connect and was not let in: not on the lists (EACCES), of another type (EPROTOTYPE), one who spoke no
/// protocol of ginnel's (EBADMSG), handed over memory that is not what it has to be (EPERM, EFBIG, …), or said nothing for too
/// long (ETIMEDOUT). Nothing is left of it.
struct TurnedAway {
  Credentials peer;
  Error why;
};

namespace detail {

/// Where peers come in. Any number of them may take their time to say what they want: nobody waits for them.
class ChannelDoor {
 public:
  /// `head_bytes` go before each message that is sent. Errors: those of UnixListener::listen.
  [[nodiscard]] static Result<ChannelDoor> listen(const std::string& path, const MessageType& sends,
                                                  const MessageType& receives, const ChannelListenOptions& options,
                                                  std::size_t head_bytes = 0);
  ChannelDoor(ChannelDoor&& other) noexcept;
  ChannelDoor& operator=(ChannelDoor&& other) noexcept;
  ~ChannelDoor();

  /// Errors: EMFILE, ENFILE (the connection stays in the backlog), ECHILD.
  [[nodiscard]] Result<Outcome<std::unique_ptr<ChannelEnd>, TurnedAway, TimedOut>> accept(Deadline deadline);
  /// Readable when accept() may have something.
  [[nodiscard]] int pollable() const noexcept;

 private:
  struct Inside;
  explicit ChannelDoor(std::unique_ptr<Inside> inside) noexcept;
  std::unique_ptr<Inside> inside_;
};

}  // namespace detail
}  // namespace ginnel
