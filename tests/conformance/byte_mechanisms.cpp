#include <array>
#include <cstring>

#include "conformance/mechanism.hpp"
#include "ginnel/sys/fifo.hpp"
#include "ginnel/sys/pipe.hpp"
#include "ginnel/sys/unix_socket.hpp"

namespace ginnel::test {
namespace {

constexpr std::size_t pipe_buf = 4096;

/// Each write is one packet. A longer one would become several: there is no message to refuse.
class PacketPipe : public Mechanism {
 public:
  explicit PacketPipe(Pipe pipe) : pipe_{std::move(pipe)} {}
  [[nodiscard]] Traits traits() const override {
    return {.smallest = 1, .largest = pipe_buf, .tells_sender = true, .tells_receiver = true};
  }
  [[nodiscard]] SendResult send(std::span<const std::byte> message, Deadline deadline) override {
    auto wrote = write_some(pipe_.write_end.get(), message, deadline);
    if (!wrote) return std::unexpected{wrote.error()};
    if (wrote->is<PeerGone>()) return PeerGone{};
    if (wrote->is<TimedOut>()) return TimedOut{};
    if (wrote->as<BytesWritten>().count != message.size()) return std::unexpected{Error{EIO, "a packet cut short"}};
    return Done{};
  }
  [[nodiscard]] ReceiveResult receive(Deadline deadline) override {
    Bytestring buffer(pipe_buf);
    auto got = read_some(pipe_.read_end.get(), buffer, deadline);
    if (!got) return std::unexpected{got.error()};
    if (got->is<EndOfStream>()) return EndOfStream{};
    if (got->is<TimedOut>()) return TimedOut{};
    buffer.resize(got->as<BytesRead>().count);
    return buffer;
  }
  void be_sender() override { pipe_.read_end.reset(); }
  void be_receiver() override { pipe_.write_end.reset(); }

 private:
  Pipe pipe_;
};

/// Framed messages over a pipe, or a FIFO that both ends have open.
class FramedMessages : public Mechanism {
 public:
  FramedMessages(UniqueFd read_end, UniqueFd write_end)
      : reader_{std::in_place, std::move(read_end)}, write_end_{std::move(write_end)} {}
  [[nodiscard]] Traits traits() const override {
    return {.largest = fifo_message_max,
            .refusal = Refusal{.told_limit = fifo_message_max},
            .tells_sender = true,
            .tells_receiver = true};
  }
  [[nodiscard]] SendResult send(std::span<const std::byte> message, Deadline deadline) override {
    return send_message(write_end_.get(), message, deadline);
  }
  [[nodiscard]] ReceiveResult receive(Deadline deadline) override { return reader_->receive(deadline); }
  void be_sender() override { reader_.reset(); }
  void be_receiver() override { write_end_.reset(); }

 private:
  std::optional<FifoMessageReader> reader_;
  UniqueFd write_end_;
};

/// A stream knows bytes only: a length before each message, and what a deadline left unsent goes first the next time.
class FramedStream : public Mechanism {
 public:
  explicit FramedStream(std::pair<UnixStream, UnixStream> ends)
      : sender_{std::move(ends.first)}, receiver_{std::move(ends.second)} {}
  [[nodiscard]] Traits traits() const override {
    return {.largest = 1'000'000, .many_senders = false, .tells_sender = true, .tells_receiver = true};
  }
  [[nodiscard]] SendResult send(std::span<const std::byte> message, Deadline deadline) override {
    auto flushed = flush(deadline);
    if (!flushed || !flushed->is<Done>()) return flushed;
    const auto size = static_cast<std::uint32_t>(message.size());
    unsent_.resize(sizeof size);
    std::memcpy(unsent_.data(), &size, sizeof size);
    unsent_.insert(unsent_.end(), message.begin(), message.end());
    const std::size_t whole = unsent_.size();
    flushed = flush(deadline);
    if (!flushed || !flushed->is<TimedOut>()) return flushed;
    if (unsent_.size() < whole) return Done{};
    unsent_.clear();
    return TimedOut{};
  }
  [[nodiscard]] ReceiveResult receive(Deadline deadline) override {
    std::array<std::byte, 65536> buffer{};
    while (true) {
      if (auto message = take()) return std::move(*message);
      auto got = receiver_->read(buffer, deadline);
      if (!got) return std::unexpected{got.error()};
      if (got->is<EndOfStream>()) return EndOfStream{};
      if (got->is<TimedOut>()) return TimedOut{};
      const auto part = std::span{buffer}.first(got->as<BytesRead>().count);
      received_.insert(received_.end(), part.begin(), part.end());
    }
  }
  void be_sender() override { receiver_.reset(); }
  void be_receiver() override { sender_.reset(); }

 private:
  SendResult flush(Deadline deadline) {
    if (unsent_.empty()) return Done{};
    auto wrote = sender_->write_all(unsent_, deadline);
    if (!wrote) return std::unexpected{wrote.error()};
    unsent_.erase(unsent_.begin(), unsent_.begin() + static_cast<std::ptrdiff_t>(wrote->bytes));
    if (wrote->end == Transfer::End::peer_gone) return PeerGone{};
    if (wrote->end == Transfer::End::timed_out) return TimedOut{};
    return Done{};
  }
  std::optional<Bytestring> take() {
    std::uint32_t size = 0;
    if (received_.size() < sizeof size) return std::nullopt;
    std::memcpy(&size, received_.data(), sizeof size);
    if (received_.size() < sizeof size + size) return std::nullopt;
    const auto begin = received_.begin() + static_cast<std::ptrdiff_t>(sizeof size);
    Bytestring message(begin, begin + static_cast<std::ptrdiff_t>(size));
    received_.erase(received_.begin(), begin + static_cast<std::ptrdiff_t>(size));
    return message;
  }

  std::optional<UnixStream> sender_;
  std::optional<UnixStream> receiver_;
  Bytestring unsent_;
  Bytestring received_;
};

std::unique_ptr<Mechanism> packet_pipe() {
  return std::make_unique<PacketPipe>(std::move(*Pipe::create({.packets = true})));
}

std::unique_ptr<Mechanism> framed_pipe() {
  auto pipe = Pipe::create();
  return std::make_unique<FramedMessages>(std::move(pipe->read_end), std::move(pipe->write_end));
}

std::unique_ptr<Mechanism> fifo() {
  const ScratchDirectory scratch;
  const std::string path = scratch.file("fifo");
  if (!create_fifo(path)) return nullptr;
  auto reader = open_fifo_reader(path);
  auto writer = open_fifo_writer(path);
  return std::make_unique<FramedMessages>(std::move(*reader), std::move(writer->as<UniqueFd>()));
}

std::unique_ptr<Mechanism> unix_stream() { return std::make_unique<FramedStream>(std::move(*UnixStream::pair())); }

GINNEL_INSTANTIATE_CONFORMANCE(Bytes, MechanismCase{"PacketPipe", packet_pipe},
                               MechanismCase{"FramedPipe", framed_pipe}, MechanismCase{"Fifo", fifo},
                               MechanismCase{"UnixStream", unix_stream});

}  // namespace
}  // namespace ginnel::test
