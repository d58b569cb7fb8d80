#include <optional>
#include <utility>

#include "endpoints/leave_on_signal.hpp"
#include "endpoints/message_ends.hpp"
#include "ginnel/msg/latest.hpp"

namespace ginnel::cli {
namespace {

class LatestSender final : public MessageEnd {
 public:
  explicit LatestSender(LatestWriter<std::byte[]> writer) : writer_{std::move(writer)} {}

  Result<Outcome<Done, PeerGone, TimedOut>> send(std::span<const std::byte> message, Deadline) override {
    if (auto set = writer_.set(message); !set) return std::unexpected{set.error()};
    return Done{};
  }
  Result<Outcome<Message, EndOfStream, PeerGone, TimedOut>> receive(Deadline) override { return EndOfStream{}; }
  std::size_t longest() const override { return writer_.largest(); }

 private:
  LatestWriter<std::byte[]> writer_;
};

class LatestReceiver final : public MessageEnd {
 public:
  explicit LatestReceiver(LatestReader<AnyBytes> reader) : reader_{std::move(reader)} {}

  Result<Outcome<Done, PeerGone, TimedOut>> send(std::span<const std::byte>, Deadline) override { return PeerGone{}; }
  Result<Outcome<Message, EndOfStream, PeerGone, TimedOut>> receive(Deadline deadline) override {
    auto newer = wait_and_leave_on_signal(
        deadline, [this](Deadline by) { return reader_->wait_for_newer(by); }, [this] { reader_.reset(); });
    if (!newer) return std::unexpected{newer.error()};
    if (newer->is<TimedOut>()) return TimedOut{};
    if (newer->is<WriterGone>()) return EndOfStream{};
    const std::span<const std::byte> bytes = *newer->as<Sample<AnyBytes>>();
    return Message{.data = {bytes.begin(), bytes.end()}, .priority = {}, .type = {}, .deliveries = {}};
  }
  std::size_t longest() const override { return 0; }

 private:
  std::optional<LatestReader<AnyBytes>> reader_;
};

}  // namespace

OpenedMessages open_latest(const Address& address, Direction direction) {
  if (direction == Direction::send) {
    auto writer = LatestWriter<std::byte[]>::create(address.name);
    if (!writer) return std::unexpected{writer.error()};
    return std::unique_ptr<MessageEnd>{std::make_unique<LatestSender>(std::move(*writer))};
  }
  auto reader = LatestReader<AnyBytes>::open(address.name);
  if (!reader) return std::unexpected{reader.error()};
  return std::unique_ptr<MessageEnd>{std::make_unique<LatestReceiver>(std::move(*reader))};
}

}  // namespace ginnel::cli
