#include <cstring>
#include <thread>
#include <utility>

#include "ginnel/measure/carrier_loops.hpp"
#include "ginnel/sys/signal.hpp"
#include "kinds.hpp"
#include "meeting.hpp"

// A real-time signal, whose value is the message.

namespace ginnel::measure {
namespace {

class Signals : public KeepsFailure {
 public:
  Signals(Meeting meeting, int number, Manner manner) noexcept
      : meeting_{std::move(meeting)}, number_{number}, patience_{patience_of(manner)} {}
  [[nodiscard]] static Result<std::unique_ptr<Signals>> make(const CarrierSetup& setup) {
    auto meeting = Meeting::arrange();
    if (!meeting) return std::unexpected{std::move(meeting.error())};
    auto number = parse_signal("RTMIN+5");
    if (!number) return std::unexpected{std::move(number.error())};
    return std::make_unique<Signals>(std::move(*meeting), *number, setup.manner);
  }
  [[nodiscard]] Result<void> prepare(Side side) {
    auto receiver = SignalReceiver::create({number_});
    if (!receiver) return std::unexpected{std::move(receiver.error())};
    receiver_.emplace(std::move(*receiver));
    return meeting_.come(side);
  }
  [[nodiscard]] Result<void> open(Side side) {
    auto peer = meeting_.other_of(side);
    if (!peer) return std::unexpected{std::move(peer.error())};
    peer_.emplace(std::move(*peer));
    return {};
  }
  [[nodiscard]] bool send(std::span<std::byte> message) {
    int value = 0;
    std::memcpy(&value, message.data(), sizeof value);
    while (true) {
      auto sent = send_signal(*peer_, number_, value);
      if (!sent) return fail(std::move(sent.error()));
      if (sent->is<Done>()) return true;
      if (sent->is<PeerGone>()) return fail(peer_gone("pidfd_send_signal"));
      std::this_thread::yield();  // RLIMIT_SIGPENDING is reached, and there is nothing to wait for
    }
  }
  [[nodiscard]] bool receive(std::span<std::byte> buffer) {
    while (true) {
      auto got = receiver_->receive(patience_);
      if (!got) return fail(std::move(got.error()));
      if (const auto* signal = got->get_if<ReceivedSignal>()) {
        std::memcpy(buffer.data(), &signal->value, sizeof signal->value);
        return true;
      }
    }
  }

 private:
  Meeting meeting_;
  int number_;
  Deadline patience_;
  std::optional<SignalReceiver> receiver_;
  std::optional<Process> peer_;
};

}  // namespace

void add_signals(std::vector<CarrierKind>& kinds) {
  kinds.push_back(
      {.name = "signals", .mechanism = "signals", .largest = sizeof(int), .make = CarrierOf<Signals>::make});
}

}  // namespace ginnel::measure
