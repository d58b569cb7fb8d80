#include "ginnel/sys/ancillary.hpp"

#include <cerrno>
#include <string>

#include "unix_address.hpp"
#include "unix_message.hpp"

namespace ginnel {
namespace {

std::string name_of(int fd) { return "fd " + std::to_string(fd); }

}  // namespace

Result<Outcome<BytesWritten, PeerGone, TimedOut, TooManyInFlight>> send_descriptors(int socket,
                                                                                    std::span<const std::byte> data,
                                                                                    std::span<const int> descriptors,
                                                                                    Deadline deadline) {
  if (descriptors.size() > passed_descriptors_max)
    return std::unexpected{Error{EINVAL, "send descriptors", name_of(socket),
                                 "one message carries at most " + std::to_string(passed_descriptors_max) +
                                     " descriptors, and these are " + std::to_string(descriptors.size())}};
  auto type = type_of_socket(socket);
  if (!type) return std::unexpected{type.error()};
  if (*type == UnixType::stream && data.empty())
    return std::unexpected{Error{EINVAL, "send descriptors", name_of(socket),
                                 "on a stream, descriptors travel with bytes: send at least one"}};
  return send_message(socket, *type, data, descriptors, deadline);
}

Result<Outcome<ReceivedWithDescriptors, EndOfStream, TimedOut>> receive_descriptors(int socket,
                                                                                    std::span<std::byte> buffer,
                                                                                    Deadline deadline) {
  auto type = type_of_socket(socket);
  if (!type) return std::unexpected{type.error()};
  if (*type == UnixType::stream && buffer.empty())
    return std::unexpected{Error{EINVAL, "receive descriptors", name_of(socket),
                                 "on a stream, descriptors travel with bytes: give room for at least one"}};
  if (*type == UnixType::seqpacket) {
    if (auto stamped = stamp_messages(socket); !stamped) return std::unexpected{stamped.error()};
  }
  bool reset_seen = false;
  return receive_to_the_end(socket, *type, buffer, Passed::taken, deadline, reset_seen);
}

}  // namespace ginnel
