#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "conformance/mechanism.hpp"
#include "ginnel/sys/eventfd.hpp"
#include "ginnel/sys/mapping.hpp"
#include "ginnel/sys/posix_semaphore.hpp"
#include "ginnel/sys/signal.hpp"

namespace ginnel::test {
namespace {

/// Messages without content: what is kept is their number.
class EventfdCounts : public Mechanism {
 public:
  explicit EventfdCounts(Eventfd event) : event_{std::move(event)} {}
  [[nodiscard]] Traits traits() const override { return {.fills = false}; }
  [[nodiscard]] SendResult send(std::span<const std::byte>, Deadline deadline) override {
    auto added = event_.add(1, deadline);
    if (!added) return std::unexpected{added.error()};
    if (added->is<TimedOut>()) return TimedOut{};
    return Done{};
  }
  [[nodiscard]] ReceiveResult receive(Deadline deadline) override {
    auto taken = event_.take(deadline);
    if (!taken) return std::unexpected{taken.error()};
    if (taken->is<TimedOut>()) return TimedOut{};
    if (taken->as<EventCount>().count != 1) return std::unexpected{Error{EIO, "a semaphore that gave several"}};
    return Bytestring{};
  }

 private:
  Eventfd event_;
};

/// The value of a real-time signal is the message. Full is RLIMIT_SIGPENDING, which all processes of the user share: it is
/// not filled here but in signal_test.cpp.
class SignalValues : public Mechanism {
 public:
  SignalValues(SignalReceiver receiver, Process maker) : receiver_{std::move(receiver)}, target_{std::move(maker)} {}
  [[nodiscard]] Traits traits() const override {
    return {.smallest = sizeof(int), .largest = sizeof(int), .fills = false, .tells_sender = true};
  }
  [[nodiscard]] SendResult send(std::span<const std::byte> message, Deadline deadline) override {
    int value = 0;
    std::memcpy(&value, message.data(), sizeof value);
    while (true) {
      auto sent = send_signal(*target_, SIGRTMIN + 2, value);
      if (!sent) return std::unexpected{sent.error()};
      if (sent->is<PeerGone>()) return PeerGone{};
      if (sent->is<Done>()) return Done{};
      if (deadline.passed()) return TimedOut{};
      ::sched_yield();
    }
  }
  [[nodiscard]] ReceiveResult receive(Deadline deadline) override {
    auto got = receiver_.receive(deadline);
    if (!got) return std::unexpected{got.error()};
    if (got->is<TimedOut>()) return TimedOut{};
    Bytestring message(sizeof(int));
    std::memcpy(message.data(), &got->as<ReceivedSignal>().value, message.size());
    return message;
  }
  void receiver_is(const Process& process) override { target_ = std::move(*Process::open(process.pid())); }

 private:
  SignalReceiver receiver_;
  std::optional<Process> target_;
};

/// One slot of shared memory between two semaphores.
class Mailbox : public Mechanism {
 public:
  static constexpr std::size_t slot_size = 4096;
  static constexpr std::size_t empty_at = 0;
  static constexpr std::size_t filled_at = 64;
  static constexpr std::size_t size_at = 128;
  static constexpr std::size_t slot_at = 192;

  explicit Mailbox(const std::shared_ptr<ReadWriteMapping>& memory)
      : memory_{memory},
        empty_{std::move(*PosixSemaphore::create_in(memory, empty_at, 1))},
        filled_{std::move(*PosixSemaphore::create_in(memory, filled_at, 0))} {}
  [[nodiscard]] Traits traits() const override { return {.largest = slot_size}; }
  [[nodiscard]] SendResult send(std::span<const std::byte> message, Deadline deadline) override {
    auto waited = empty_.wait(deadline);
    if (!waited) return std::unexpected{waited.error()};
    if (waited->is<TimedOut>()) return TimedOut{};
    const std::size_t size = message.size();
    std::memcpy(memory_->bytes().data() + size_at, &size, sizeof size);
    std::ranges::copy(message, memory_->bytes().begin() + slot_at);
    if (auto posted = filled_.post(); !posted) return std::unexpected{posted.error()};
    return Done{};
  }
  [[nodiscard]] ReceiveResult receive(Deadline deadline) override {
    auto waited = filled_.wait(deadline);
    if (!waited) return std::unexpected{waited.error()};
    if (waited->is<TimedOut>()) return TimedOut{};
    std::size_t size = 0;
    std::memcpy(&size, memory_->bytes().data() + size_at, sizeof size);
    const auto slot = memory_->bytes().subspan(slot_at, size);
    Bytestring message(slot.begin(), slot.end());
    if (auto posted = empty_.post(); !posted) return std::unexpected{posted.error()};
    return message;
  }

 private:
  std::shared_ptr<ReadWriteMapping> memory_;
  PosixSemaphore empty_;
  PosixSemaphore filled_;
};

std::unique_ptr<Mechanism> eventfd() {
  return std::make_unique<EventfdCounts>(std::move(*Eventfd::create({.semaphore = true})));
}
std::unique_ptr<Mechanism> signals() {
  auto receiver = SignalReceiver::create({SIGRTMIN + 2});
  auto maker = Process::open(::getpid());
  return std::make_unique<SignalValues>(std::move(*receiver), std::move(*maker));
}
std::unique_ptr<Mechanism> mailbox() {
  auto memory = ReadWriteMapping::anonymous(Bytes{Mailbox::slot_at + Mailbox::slot_size});
  return std::make_unique<Mailbox>(std::make_shared<ReadWriteMapping>(std::move(*memory)));
}

GINNEL_INSTANTIATE_CONFORMANCE(Memory, MechanismCase{"Eventfd", eventfd}, MechanismCase{"RealTimeSignals", signals},
                               MechanismCase{"SharedMemoryMailbox", mailbox});

}  // namespace
}  // namespace ginnel::test
