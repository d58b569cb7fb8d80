#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "ginnel/core/deadline.hpp"
#include "ginnel/core/outcome.hpp"
#include "ginnel/core/result.hpp"
#include "ginnel/core/unique_fd.hpp"
#include "ginnel/sys/io.hpp"

namespace ginnel {

// Any thread may call these. Two that receive from one socket each get whole messages, each with its own descriptors; two
// that send at once on a stream may have their bytes interleaved, and so are to take turns. A child of fork(2) has copies
// of the socket and of what was received, which close-on-exec ends at exec(2); what is under way belongs to nobody yet.

/// SCM_MAX_FD: the most descriptors that one message can carry. Source: unix(7).
inline constexpr std::size_t passed_descriptors_max = 253;

/// The kernel has as many of this user's descriptors on their way as RLIMIT_NOFILE allows (ETOOMANYREFS): nothing was
/// sent; once a receiver has taken some, a retry goes through.
struct TooManyInFlight {};

/// What came with one receive. `bytes` is 0 for an empty message (datagram, seqpacket).
struct ReceivedWithDescriptors {
  std::size_t bytes = 0;
  std::vector<UniqueFd> descriptors;  ///< close-on-exec
};

/// Sends bytes with descriptors on a connected Unix socket of any type. On a stream at least one byte must go along; when
/// only some of the bytes fit, the descriptors went with them and BytesWritten says how many.
/// Errors: EINVAL (over 253 descriptors, or none of the bytes on a stream), EBADF (a descriptor of the list),
/// EMSGSIZE, ENOBUFS. Source: unix(7), SCM_RIGHTS; sendmsg(2).
[[nodiscard]] Result<Outcome<BytesWritten, PeerGone, TimedOut, TooManyInFlight>> send_descriptors(
    int socket, std::span<const std::byte> data, std::span<const int> descriptors,
    Deadline deadline = Deadline::never());

/// Receives bytes and all the descriptors that came with them, or none of the descriptors: when this process cannot take
/// them all (RLIMIT_NOFILE), those that came are closed and it is an error; the bytes of that message are gone.
/// Errors: EMFILE (that case), EMSGSIZE (the message was longer than the buffer; tells both sizes; the message is gone,
/// its descriptors closed), ECONNRESET. Source: unix(7), recvmsg(2).
[[nodiscard]] Result<Outcome<ReceivedWithDescriptors, EndOfStream, TimedOut>> receive_descriptors(
    int socket, std::span<std::byte> buffer, Deadline deadline = Deadline::never());

}  // namespace ginnel
