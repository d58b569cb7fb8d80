#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <span>
#include <string>
#include <vector>

#include "first_writer.hpp"
#include "ginnel/sys/io.hpp"
#include "ginnel/sys/relay.hpp"
#include "sigpipe.hpp"
#include "system_call.hpp"

namespace ginnel {
namespace {

constexpr std::size_t piece_bytes = 65536;

RelayReport::End why(Transfer::End end) {
  return end == Transfer::End::peer_gone ? RelayReport::End::peer_gone : RelayReport::End::timed_out;
}

/// The part of relay_with_copy that outlives one piece.
class Tee {
 public:
  Tee(int input, int output, int copy, Deadline deadline) noexcept
      : input_{input}, output_{output}, copy_{copy}, deadline_{deadline} {}

  Result<RelayReport> run() {
    auto ended = duplicating();
    if (ended && report_.method == RelayMethod::copied) ended = copying();
    if (!ended) return std::unexpected{ended.error()};
    report_.end = *ended;
    return report_;
  }

 private:
  /// tee(2) puts references to the input's pages into the output; the same bytes then leave the input for the copy.
  Result<RelayReport::End> duplicating() {
    while (true) {
      auto ready = wait_ready(input_, Interest::readable, deadline_);
      if (!ready) return std::unexpected{ready.error()};
      if (ready->is<TimedOut>()) return RelayReport::End::timed_out;
      const ssize_t count = retry_interrupted([&] { return ::tee(input_, output_, piece_bytes, SPLICE_F_NONBLOCK); });
      if (count == 0 && !awaits_first_writer(input_)) return RelayReport::End::end_of_stream;
      if (count < 0 && errno == EPIPE) {
        sigpipe_.raised();
        return RelayReport::End::peer_gone;
      }
      if (count < 0 && errno != EAGAIN) {
        if (errno != EINVAL && errno != ENOSYS)
          return std::unexpected{Error::last("tee", "fd " + std::to_string(input_))};
        report_.method = RelayMethod::copied;
        return RelayReport::End::end_of_stream;
      }
      if (count < 0) {
        ready = wait_ready(output_, Interest::writable, deadline_);
        if (!ready) return std::unexpected{ready.error()};
        if (ready->is<TimedOut>()) return RelayReport::End::timed_out;
      }
      if (count <= 0) continue;
      report_.bytes += static_cast<std::uint64_t>(count);
      auto moved = relay(input_, copy_, {.limit = static_cast<std::uint64_t>(count)}, deadline_);
      if (!moved) return std::unexpected{moved.error()};
      if (moved->end != RelayReport::End::limit_reached) return moved->end;
      if (over()) return RelayReport::End::timed_out;
    }
  }

  Result<RelayReport::End> copying() {
    std::vector<std::byte> buffer(piece_bytes);
    while (true) {
      auto got = read_some(input_, buffer, deadline_);
      if (!got) return std::unexpected{got.error()};
      if (got->is<EndOfStream>()) return RelayReport::End::end_of_stream;
      if (got->is<TimedOut>()) return RelayReport::End::timed_out;
      const auto piece = std::span{buffer}.first(got->as<BytesRead>().count);
      auto put = write_all(output_, piece, deadline_);
      if (!put) return std::unexpected{put.error()};
      report_.bytes += put->bytes;
      if (put->end != Transfer::End::complete) return why(put->end);
      auto copied = write_all(copy_, piece, deadline_);
      if (!copied) return std::unexpected{copied.error()};
      if (copied->end != Transfer::End::complete) return why(copied->end);
      if (over()) return RelayReport::End::timed_out;
    }
  }

  [[nodiscard]] bool over() const { return !deadline_.is_immediate() && deadline_.passed(); }

  int input_;
  int output_;
  int copy_;
  Deadline deadline_;
  SigpipeHeldBack sigpipe_;
  RelayReport report_;
};

}  // namespace

Result<RelayReport> relay_with_copy(int input, int output, int copy, Deadline deadline) {
  return Tee{input, output, copy, deadline}.run();
}

}  // namespace ginnel
