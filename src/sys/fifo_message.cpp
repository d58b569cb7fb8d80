#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>
#include <climits>
#include <cstring>
#include <string>

#include "ginnel/sys/fifo.hpp"
#include "ginnel/sys/io.hpp"

namespace ginnel {
namespace {

using Length = std::uint32_t;  // in the byte order of this machine: a FIFO does not leave it
constexpr std::size_t frame_max = sizeof(Length) + fifo_message_max;
static_assert(frame_max <= PIPE_BUF);

std::string name_of(int fd) { return "fd " + std::to_string(fd); }

}  // namespace

Result<Outcome<Done, PeerGone, TimedOut>> send_message(int fd, std::span<const std::byte> message, Deadline deadline) {
  if (message.size() > fifo_message_max)
    return std::unexpected{Error{EMSGSIZE, "send message", name_of(fd),
                                 "a message of " + std::to_string(message.size()) + " bytes: over " +
                                     std::to_string(fifo_message_max) +
                                     " a write is not atomic, and messages of several writers mix"}};
  std::array<std::byte, frame_max> frame;
  const auto length = static_cast<Length>(message.size());
  std::memcpy(frame.data(), &length, sizeof length);
  std::ranges::copy(message, frame.begin() + sizeof length);

  const auto whole = std::span{frame}.first(sizeof length + message.size());
  auto put = write_some(fd, whole, deadline);
  if (!put) return std::unexpected{put.error()};
  if (put->is<PeerGone>()) return PeerGone{};
  if (put->is<TimedOut>()) return TimedOut{};
  // A pipe takes up to PIPE_BUF bytes whole or not at all; less than that was taken by something that is no pipe.
  if (put->as<BytesWritten>().count != whole.size())
    return std::unexpected{Error{EPROTO, "send message", name_of(fd), "written in part: not a FIFO or pipe"}};
  return Done{};
}

Result<Outcome<std::vector<std::byte>, EndOfStream, TimedOut>> FifoMessageReader::receive(Deadline deadline) {
  while (true) {
    const std::size_t held = pending_.size() - taken_;
    if (held >= sizeof(Length)) {
      Length length = 0;
      std::memcpy(&length, pending_.data() + taken_, sizeof length);
      if (length > fifo_message_max)
        return std::unexpected{
            Error{EPROTO, "receive message", name_of(fd_.get()),
                  "a length of " + std::to_string(length) + " bytes: a writer does not frame its messages"}};
      if (held >= sizeof length + length) {
        const auto* begin = pending_.data() + taken_ + sizeof length;
        taken_ += sizeof length + length;
        return std::vector<std::byte>(begin, begin + length);
      }
    }
    pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(taken_));
    taken_ = 0;

    constexpr std::size_t usual_capacity = 65536;
    pending_.resize(held + usual_capacity);
    auto got = read_some(fd_.get(), std::span{pending_}.subspan(held), deadline);
    const auto* read = got ? got->get_if<BytesRead>() : nullptr;
    pending_.resize(held + (read != nullptr ? read->count : 0));
    if (!got) return std::unexpected{got.error()};
    if (got->is<TimedOut>()) return TimedOut{};
    if (got->is<EndOfStream>()) {
      if (held == 0) return EndOfStream{};
      return std::unexpected{Error{EPROTO, "receive message", name_of(fd_.get()), "the stream ended inside a message"}};
    }
  }
}

}  // namespace ginnel
