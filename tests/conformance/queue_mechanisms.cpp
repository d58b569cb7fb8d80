#include <unistd.h>

#include <fstream>

#include "conformance/mechanism.hpp"
#include "ginnel/sys/posix_queue.hpp"
#include "ginnel/sys/sysv_queue.hpp"

namespace ginnel::test {
namespace {

/// The queue lives on whoever dies: nobody is told.
class PosixQueueMessages : public Mechanism {
 public:
  static constexpr std::size_t message_size = 2048;
  explicit PosixQueueMessages(PosixQueue queue) : queue_{std::move(queue)} {}
  [[nodiscard]] Traits traits() const override {
    return {.largest = message_size, .refusal = Refusal{.told_limit = message_size}};
  }
  [[nodiscard]] SendResult send(std::span<const std::byte> message, Deadline deadline) override {
    auto sent = queue_.send(message, 0, deadline);
    if (!sent) return std::unexpected{sent.error()};
    if (sent->is<TimedOut>()) return TimedOut{};
    return Done{};
  }
  [[nodiscard]] ReceiveResult receive(Deadline deadline) override {
    Bytestring buffer(message_size);
    auto got = queue_.receive(buffer, deadline);
    if (!got) return std::unexpected{got.error()};
    if (got->is<TimedOut>()) return TimedOut{};
    buffer.resize(got->as<ReceivedFromQueue>().bytes);
    return buffer;
  }

 private:
  PosixQueue queue_;
};

/// Removed by the process that made it.
class SysvQueueMessages : public Mechanism {
 public:
  explicit SysvQueueMessages(SysvQueue queue) : queue_{queue} { std::ifstream{"/proc/sys/kernel/msgmax"} >> largest_; }
  SysvQueueMessages(const SysvQueueMessages&) = delete;
  SysvQueueMessages& operator=(const SysvQueueMessages&) = delete;
  ~SysvQueueMessages() override {
    if (::getpid() != maker_) return;
    EXPECT_TRUE(queue_.remove());
  }
  [[nodiscard]] Traits traits() const override {
    return {.largest = largest_, .refusal = Refusal{.code = EINVAL, .told_limit = largest_}};
  }
  [[nodiscard]] SendResult send(std::span<const std::byte> message, Deadline deadline) override {
    auto sent = queue_.send(1, message, deadline);
    if (!sent) return std::unexpected{sent.error()};
    if (sent->is<TimedOut>()) return TimedOut{};
    if (sent->is<Removed>()) return PeerGone{};
    return Done{};
  }
  [[nodiscard]] ReceiveResult receive(Deadline deadline) override {
    auto got = queue_.receive({}, deadline);
    if (!got) return std::unexpected{got.error()};
    if (got->is<TimedOut>()) return TimedOut{};
    if (got->is<Removed>()) return EndOfStream{};
    return std::move(got->as<SysvMessage>().data);
  }

 private:
  SysvQueue queue_;
  std::size_t largest_ = 0;
  pid_t maker_ = ::getpid();
};

// Without its name the queue lasts as long as its handles, and nothing can be left behind.
std::unique_ptr<Mechanism> posix_queue() {
  const std::string name = unique_name();
  auto queue = PosixQueue::create(name, {.messages = 8, .message_size = Bytes{PosixQueueMessages::message_size}});
  if (!queue || !PosixQueue::unlink(name)) return nullptr;
  return std::make_unique<PosixQueueMessages>(std::move(*queue));
}
std::unique_ptr<Mechanism> sysv_queue() {
  auto queue = SysvQueue::create(std::nullopt);
  if (!queue) return nullptr;
  return std::make_unique<SysvQueueMessages>(*queue);
}

GINNEL_INSTANTIATE_CONFORMANCE(Queues, MechanismCase{"PosixQueue", posix_queue},
                               MechanismCase{"SysvQueue", sysv_queue});

}  // namespace
}  // namespace ginnel::test
