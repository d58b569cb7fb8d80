#include <utility>

#include "ginnel/measure/carrier_loops.hpp"
#include "ginnel/sys/fifo.hpp"
#include "ginnel/sys/io.hpp"
#include "ginnel/sys/pipe.hpp"
#include "ginnel/sys/unix_socket.hpp"
#include "kinds.hpp"

// Streams of bytes. Both sides know the size of a message, so nothing is added to tell where one ends.

namespace ginnel::measure {
namespace {

/// Calls again with what is left, until all of it has gone through. `transfer` takes the part that is left and gives a Transfer.
template <class Span, class Call>
Result<void> transfer_whole(Span whole, const char* operation, Call transfer) {
  while (true) {
    auto moved = transfer(whole);
    if (!moved) return std::unexpected{std::move(moved.error())};
    if (moved->end == Transfer::End::complete) return {};
    if (moved->end != Transfer::End::timed_out) return std::unexpected{peer_gone(operation)};
    whole = whole.subspan(moved->bytes);
  }
}

/// Two pipes, or two FIFOs that are open at both ends: one each way.
class TwoPipes : public KeepsFailure {
 public:
  TwoPipes(Pipe there, Pipe back, Manner manner) noexcept
      : there_{std::move(there)}, back_{std::move(back)}, patience_{patience_of(manner)} {}
  [[nodiscard]] Result<void> prepare(Side side) {
    Pipe& sends = side == Side::first ? there_ : back_;
    Pipe& receives = side == Side::first ? back_ : there_;
    out_ = std::move(sends.write_end);
    in_ = std::move(receives.read_end);
    sends.read_end.reset();
    receives.write_end.reset();
    return {};
  }
  [[nodiscard]] Result<void> open(Side) { return {}; }
  [[nodiscard]] bool send(std::span<std::byte> message) {
    auto sent = transfer_whole(std::span<const std::byte>{message}, "write",
                               [&](auto rest) { return write_all(out_.get(), rest, patience_); });
    return sent || fail(std::move(sent.error()));
  }
  [[nodiscard]] bool receive(std::span<std::byte> buffer) {
    auto got = transfer_whole(buffer, "read", [&](auto rest) { return read_all(in_.get(), rest, patience_); });
    return got || fail(std::move(got.error()));
  }

 private:
  Pipe there_;
  Pipe back_;
  Deadline patience_;
  UniqueFd in_;
  UniqueFd out_;
};

struct Pipes : TwoPipes {
  using TwoPipes::TwoPipes;
  [[nodiscard]] static Result<std::unique_ptr<Pipes>> make(const CarrierSetup& setup) {
    auto there = Pipe::create();
    if (!there) return std::unexpected{std::move(there.error())};
    auto back = Pipe::create();
    if (!back) return std::unexpected{std::move(back.error())};
    return std::make_unique<Pipes>(std::move(*there), std::move(*back), setup.manner);
  }
};

Result<Pipe> open_fifo(const std::string& path) {
  if (auto made = create_fifo(path); !made) return std::unexpected{std::move(made.error())};
  auto reader = open_fifo_reader(path);
  if (!reader) return std::unexpected{std::move(reader.error())};
  auto writer = open_fifo_writer(path);
  if (!writer) return std::unexpected{std::move(writer.error())};
  return Pipe{std::move(*reader), std::move(writer->as<UniqueFd>())};
}

struct Fifos : TwoPipes {
  using TwoPipes::TwoPipes;
  [[nodiscard]] static Result<std::unique_ptr<Fifos>> make(const CarrierSetup& setup) {
    auto there = open_fifo(setup.home + "/there");
    if (!there) return std::unexpected{std::move(there.error())};
    auto back = open_fifo(setup.home + "/back");
    if (!back) return std::unexpected{std::move(back.error())};
    return std::make_unique<Fifos>(std::move(*there), std::move(*back), setup.manner);
  }
};

class Streams : public KeepsFailure {
 public:
  Streams(std::pair<UnixStream, UnixStream> ends, Manner manner) noexcept
      : first_{std::move(ends.first)}, second_{std::move(ends.second)}, patience_{patience_of(manner)} {}
  [[nodiscard]] static Result<std::unique_ptr<Streams>> make(const CarrierSetup& setup) {
    auto pair = UnixStream::pair();
    if (!pair) return std::unexpected{std::move(pair.error())};
    return std::make_unique<Streams>(std::move(*pair), setup.manner);
  }
  [[nodiscard]] Result<void> prepare(Side side) {
    own_ = side == Side::first ? &first_ : &second_;
    (side == Side::first ? second_ : first_).reset();
    return {};
  }
  [[nodiscard]] Result<void> open(Side) { return {}; }
  [[nodiscard]] bool send(std::span<std::byte> message) {
    auto sent = transfer_whole(std::span<const std::byte>{message}, "send",
                               [&](auto rest) { return (*own_)->write_all(rest, patience_); });
    return sent || fail(std::move(sent.error()));
  }
  [[nodiscard]] bool receive(std::span<std::byte> buffer) {
    while (!buffer.empty()) {
      auto got = (*own_)->read(buffer, patience_);
      if (!got) return fail(std::move(got.error()));
      if (const auto* read = got->get_if<BytesRead>())
        buffer = buffer.subspan(read->count);
      else if (got->is<EndOfStream>())
        return fail(peer_gone("recv"));
    }
    return true;
  }

 private:
  std::optional<UnixStream> first_;
  std::optional<UnixStream> second_;
  std::optional<UnixStream>* own_ = nullptr;
  Deadline patience_;
};

}  // namespace

void add_streams(std::vector<CarrierKind>& kinds) {
  kinds.push_back({.name = "pipe", .mechanism = "pipe", .make = CarrierOf<Pipes>::make});
  kinds.push_back({.name = "fifo", .mechanism = "fifo", .make = CarrierOf<Fifos>::make});
  kinds.push_back({.name = "unix-stream", .mechanism = "unix-stream", .make = CarrierOf<Streams>::make});
}

}  // namespace ginnel::measure
