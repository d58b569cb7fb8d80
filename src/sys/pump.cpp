#include "pump.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <span>
#include <string>
#include <utility>

#include "first_writer.hpp"
#include "ginnel/sys/io.hpp"
#include "system_call.hpp"

namespace ginnel {
namespace {

constexpr std::size_t piece_bytes = 65536;  // a pipe's usual capacity
constexpr unsigned splice_flags = SPLICE_F_MOVE | SPLICE_F_NONBLOCK;

struct End {
  bool is_pipe = false;
  bool is_file = false;  // of a disk: never waits for a peer
  bool nonblocking = false;
};

Result<End> look_at(int fd) {
  struct stat status{};
  if (::fstat(fd, &status) < 0) return std::unexpected{Error::last("relay", "fd " + std::to_string(fd))};
  const int flags = ::fcntl(fd, F_GETFL);
  return End{.is_pipe = S_ISFIFO(status.st_mode),
             .is_file = S_ISREG(status.st_mode) || S_ISBLK(status.st_mode),
             .nonblocking = flags >= 0 && (flags & O_NONBLOCK) != 0};
}

short events_now(int fd, short events) {
  pollfd state{.fd = fd, .events = events, .revents = 0};
  return retry_interrupted([&] { return ::poll(&state, 1, 0); }) > 0 ? state.revents : short{0};
}

/// splice(2) does not serve this pair of descriptors. EBADF: one is not open for that direction, and read(2) or write(2)
/// will say which.
bool not_for_splice(int code) {
  return code == EINVAL || code == ENOSYS || code == EOPNOTSUPP || code == EBADF || code == EPERM;
}

}  // namespace

Pump::Pump(int input, int output, RelayOptions options, bool may_block_in_output) noexcept
    : input_{input}, output_{output}, options_{options}, may_block_in_output_{may_block_in_output} {}

std::size_t Pump::still_wanted(std::size_t most) const noexcept {
  if (!options_.limit) return most;
  const std::uint64_t taken = report_.bytes + in_own_pipe_ + (end_ - begin_);
  return static_cast<std::size_t>(std::min<std::uint64_t>(*options_.limit - taken, most));
}

Pump::State Pump::end(RelayReport::End why) noexcept {
  report_.end = why;
  report_.undelivered = in_own_pipe_ + (end_ - begin_);
  return state_ = State::ended;
}

Result<Pump::State> Pump::step() {
  if (state_ == State::ended) return state_;
  auto reached = advance();
  if (reached) state_ = *reached;
  return reached;
}

Result<Pump::State> Pump::advance() {
  if (options_.limit && report_.bytes >= *options_.limit) return end(RelayReport::End::limit_reached);
  if (way_ == Way::undecided)
    if (auto chosen = choose_way(); !chosen) return std::unexpected{chosen.error()};
  switch (way_) {
    case Way::pipe_at_an_end:
      return splice_directly();
    case Way::through_own_pipe:
      return in_own_pipe_ == 0 ? fill_own_pipe() : drain_own_pipe();
    case Way::undecided:
    case Way::through_buffer:
      break;
  }
  return begin_ == end_ ? fill_buffer() : drain_buffer();
}

Result<void> Pump::choose_way() {
  auto in = look_at(input_);
  if (!in) return std::unexpected{in.error()};
  auto out = look_at(output_);
  if (!out) return std::unexpected{out.error()};
  input_polls_ = !in->is_file;
  input_is_pipe_ = in->is_pipe;
  // splice(2) obeys its own flag on pipes only: on a blocking socket or terminal it would wait past every deadline.
  const bool waits_in_output = !out->is_pipe && !out->is_file && !out->nonblocking && !may_block_in_output_;
  if (!options_.allow_splice || waits_in_output) return fall_back_to_copying();
  if (in->is_pipe || out->is_pipe) {
    way_ = Way::pipe_at_an_end;
  } else {
    auto pipe = Pipe::create({.nonblocking = true});
    if (!pipe) return fall_back_to_copying();  // out of descriptors: a buffer serves too
    own_pipe_ = std::move(*pipe);
    way_ = Way::through_own_pipe;
  }
  report_.method = RelayMethod::spliced;
  return {};
}

Result<void> Pump::fall_back_to_copying() {
  way_ = Way::through_buffer;
  report_.method = RelayMethod::copied;
  buffer_.resize(std::max(piece_bytes, in_own_pipe_));
  // What has been taken in already goes first.
  while (in_own_pipe_ > 0) {
    auto got = read_some(own_pipe_.read_end.get(), std::span{buffer_}.subspan(end_), Deadline::immediately());
    if (!got) return std::unexpected{got.error()};
    const auto* read = got->get_if<BytesRead>();
    if (read == nullptr) break;
    end_ += read->count;
    in_own_pipe_ -= read->count;
  }
  own_pipe_ = {};
  in_own_pipe_ = 0;
  return {};
}

Result<std::optional<Pump::State>> Pump::output_lacks_room() {
  const short events = events_now(output_, POLLOUT);
  if ((events & (POLLERR | POLLHUP)) != 0) return std::optional{end(RelayReport::End::peer_gone)};
  if ((events & (POLLOUT | POLLNVAL)) == 0) return std::optional{State::needs_output};
  return std::optional<State>{};
}

/// What a failed splice means. The two ends share one errno, so they are asked.
Result<Pump::State> Pump::after_refusal(int code, bool from_input) {
  if (code == EAGAIN) {
    if (from_input && input_polls_ && events_now(input_, POLLIN) == 0) return State::needs_input;
    if (events_now(output_, POLLOUT) == 0) return State::needs_output;
    if (++refusals_while_ready_ < 3) return State::moved;
  } else if (code == EPIPE) {
    sigpipe_raised_ = true;
    return end(RelayReport::End::peer_gone);
  } else if (code == ECONNRESET) {
    return end(RelayReport::End::peer_gone);
  } else if (!not_for_splice(code)) {
    return std::unexpected{Error{code, "splice", "fd " + std::to_string(input_) + " to fd " + std::to_string(output_)}};
  }
  if (auto copying = fall_back_to_copying(); !copying) return std::unexpected{copying.error()};
  return State::moved;
}

Result<Pump::State> Pump::splice_directly() {
  if (input_polls_ && !input_is_pipe_ && events_now(input_, POLLIN) == 0) return State::needs_input;
  const ssize_t moved = retry_interrupted([&] {
    return ::splice(input_, nullptr, output_, nullptr, still_wanted(std::numeric_limits<int>::max() / 2), splice_flags);
  });
  if (moved < 0) return after_refusal(errno, true);
  if (moved == 0) return awaits_first_writer(input_) ? State::needs_input : end(RelayReport::End::end_of_stream);
  refusals_while_ready_ = 0;
  report_.bytes += static_cast<std::uint64_t>(moved);
  return State::moved;
}

Result<Pump::State> Pump::fill_own_pipe() {
  if (input_polls_ && events_now(input_, POLLIN) == 0) return State::needs_input;
  auto lacks = output_lacks_room();
  if (!lacks) return std::unexpected{lacks.error()};
  if (*lacks) return **lacks;
  const ssize_t taken = retry_interrupted([&] {
    return ::splice(input_, nullptr, own_pipe_.write_end.get(), nullptr, still_wanted(piece_bytes), splice_flags);
  });
  if (taken < 0) return after_refusal(errno, true);
  if (taken == 0) return end(RelayReport::End::end_of_stream);
  refusals_while_ready_ = 0;
  in_own_pipe_ = static_cast<std::size_t>(taken);
  return drain_own_pipe();
}

Result<Pump::State> Pump::drain_own_pipe() {
  const ssize_t moved = retry_interrupted(
      [&] { return ::splice(own_pipe_.read_end.get(), nullptr, output_, nullptr, in_own_pipe_, splice_flags); });
  if (moved <= 0) return after_refusal(moved == 0 ? EINVAL : errno, false);
  refusals_while_ready_ = 0;
  in_own_pipe_ -= static_cast<std::size_t>(moved);
  report_.bytes += static_cast<std::uint64_t>(moved);
  return State::moved;
}

Result<Pump::State> Pump::fill_buffer() {
  auto lacks = output_lacks_room();
  if (!lacks) return std::unexpected{lacks.error()};
  if (*lacks) return **lacks;
  auto got = read_some(input_, std::span{buffer_}.first(still_wanted(buffer_.size())), Deadline::immediately());
  if (!got) {
    if (got.error().code() == ECONNRESET) return end(RelayReport::End::peer_gone);
    return std::unexpected{got.error()};
  }
  if (got->is<TimedOut>()) return State::needs_input;
  if (got->is<EndOfStream>()) return end(RelayReport::End::end_of_stream);
  begin_ = 0;
  end_ = got->as<BytesRead>().count;
  return drain_buffer();
}

Result<Pump::State> Pump::drain_buffer() {
  auto put = write_some(output_, std::span{buffer_}.subspan(begin_, end_ - begin_), Deadline::immediately());
  if (!put) return std::unexpected{put.error()};
  if (put->is<PeerGone>()) return end(RelayReport::End::peer_gone);
  if (put->is<TimedOut>()) return State::needs_output;
  const std::size_t count = put->as<BytesWritten>().count;
  begin_ += count;
  report_.bytes += count;
  return State::moved;
}

}  // namespace ginnel
