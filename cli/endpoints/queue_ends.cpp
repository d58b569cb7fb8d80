#include <utility>

#include "endpoints/message_ends.hpp"
#include "ginnel/sys/posix_queue.hpp"
#include "ginnel/sys/sysv_queue.hpp"

namespace ginnel::cli {
namespace {

class PosixQueueEnd final : public MessageEnd {
 public:
  PosixQueueEnd(PosixQueue queue, std::size_t message_size, unsigned priority)
      : queue_{std::move(queue)}, message_size_{message_size}, priority_{priority} {}

  Result<Outcome<Done, PeerGone, TimedOut>> send(std::span<const std::byte> message, Deadline deadline) override {
    auto sent = queue_.send(message, priority_, deadline);
    if (!sent) return std::unexpected{sent.error()};
    if (sent->is<TimedOut>()) return TimedOut{};
    return Done{};
  }

  Result<Outcome<Message, EndOfStream, PeerGone, TimedOut>> receive(Deadline deadline) override {
    std::vector<std::byte> buffer(message_size_);
    auto received = queue_.receive(buffer, deadline);
    if (!received) return std::unexpected{received.error()};
    if (received->is<TimedOut>()) return TimedOut{};
    const auto& message = received->as<ReceivedFromQueue>();
    buffer.resize(message.bytes);
    return Message{.data = std::move(buffer), .priority = message.priority, .type = {}, .deliveries = {}};
  }

  std::size_t longest() const override { return message_size_; }

 private:
  PosixQueue queue_;
  std::size_t message_size_;
  unsigned priority_;
};

class SysvQueueEnd final : public MessageEnd {
 public:
  SysvQueueEnd(SysvQueue queue, std::size_t capacity, const MessageDetails& details)
      : queue_{queue}, capacity_{capacity}, type_{details.type.value_or(1)}, peek_{details.peek} {
    if (!details.type || *details.type == 0) return;
    select_ = *details.type > 0 ? SysvSelect{SysvSelect::Rule::of_type, *details.type}
                                : SysvSelect{SysvSelect::Rule::lowest_up_to, -*details.type};
  }

  Result<Outcome<Done, PeerGone, TimedOut>> send(std::span<const std::byte> message, Deadline deadline) override {
    auto sent = queue_.send(type_, message, deadline);
    if (!sent) return std::unexpected{sent.error()};
    if (sent->is<TimedOut>()) return TimedOut{};
    if (sent->is<Removed>()) return PeerGone{};
    return Done{};
  }

  Result<Outcome<Message, EndOfStream, PeerGone, TimedOut>> receive(Deadline deadline) override {
    auto received = peek_ ? queue_.peek(position_) : queue_.receive(select_, deadline);
    if (!received) return std::unexpected{received.error()};
    if (received->is<TimedOut>()) return TimedOut{};
    if (received->is<Removed>()) return PeerGone{};
    ++position_;
    auto message = std::move(*received).as<SysvMessage>();
    return Message{.data = std::move(message.data), .priority = {}, .type = message.type, .deliveries = {}};
  }

  std::size_t longest() const override { return capacity_; }

 private:
  SysvQueue queue_;
  std::size_t capacity_;
  long type_;
  bool peek_;
  SysvSelect select_;
  std::size_t position_ = 0;
};

}  // namespace

OpenedMessages open_posix_queue(const Address& address, Direction direction, const MessageDetails& details) {
  auto queue = PosixQueue::open(address.name,
                                direction == Direction::send ? PosixQueue::Access::send : PosixQueue::Access::receive);
  if (!queue) return std::unexpected{queue.error()};
  auto attributes = queue->attributes();
  if (!attributes) return std::unexpected{attributes.error()};
  const auto message_size = static_cast<std::size_t>(attributes->message_size.count());
  return std::unique_ptr<MessageEnd>{
      std::make_unique<PosixQueueEnd>(std::move(*queue), message_size, details.priority.value_or(0))};
}

OpenedMessages open_sysv_queue(const Address& address, const MessageDetails& details) {
  auto queue = SysvQueue::open(address.sysv);
  if (!queue) return std::unexpected{queue.error()};
  constexpr std::size_t where_not_readable = std::size_t{1} << 20;
  auto statistics = queue->statistics();  // refused to one who may write and not read
  const std::size_t capacity = statistics ? static_cast<std::size_t>(statistics->capacity.count()) : where_not_readable;
  return std::unique_ptr<MessageEnd>{std::make_unique<SysvQueueEnd>(*queue, capacity, details)};
}

}  // namespace ginnel::cli
