#pragma once

#include <string>

#include "channel_format.hpp"
#include "ginnel/core/bytes.hpp"
#include "ginnel/core/process_id.hpp"
#include "ginnel/core/unique_fd.hpp"
#include "ginnel/msg/message.hpp"
#include "ginnel/sys/memfd.hpp"
#include "ginnel/sys/mirrored_mapping.hpp"
#include "ginnel/sys/unix_socket.hpp"

namespace ginnel::detail {

/// What an end wants to talk about.
struct ChannelTerms {
  MessageType sends;
  MessageType receives;
  Bytes capacity;
  std::string address;         ///< as `channel:/run/x`
  std::size_t head_bytes = 0;  ///< of what is sent before each message
};

/// Two ends that have agreed: all that is needed to send and receive.
struct ChannelLink {
  UniqueFd socket;
  UniqueFd peer_process;  ///< a pidfd: its death is known though a child of it may keep a copy of the socket
  Credentials peer;
  std::string address;
  MirroredMapping own;
  RingShape own_shape;
  MirroredMapping theirs;
  RingShape their_shape;

  [[nodiscard]] ChannelPage& own_page() const noexcept { return *reinterpret_cast<ChannelPage*>(own.head()); }
  [[nodiscard]] const ChannelPage& their_page() const noexcept {
    return *reinterpret_cast<const ChannelPage*>(theirs.head());
  }
  /// By the kernel, or by its own word. Death is believed only when the kernel says it.
  [[nodiscard]] bool peer_is_gone() const;
};

/// Connects and agrees. Errors: those of UnixSeqpacket::connect, ECONNRESET (the server closed instead of an answer),
/// EPROTOTYPE (it has other types: shows both), EBADMSG (it speaks no protocol of ginnel's, or another version), EPERM, EINVAL, EFBIG,
/// ENODATA (its memory is not what it has to be), ENOSPC, EMFILE.
[[nodiscard]] Result<Outcome<ChannelLink, TimedOut>> connect_channel(const UnixAddress& address,
                                                                     const ChannelTerms& terms, Deadline deadline);

/// The server's part, once the socket is readable. On an error the peer has been told, where that was possible.
/// TimedOut: nothing was there yet. `self` is this process.
[[nodiscard]] Result<Outcome<ChannelLink, TimedOut>> answer_hello(UniqueFd& socket, const Credentials& peer,
                                                                  const Process& self, const ChannelTerms& terms);

}  // namespace ginnel::detail
