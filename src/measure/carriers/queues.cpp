#include <algorithm>
#include <utility>

#include "ginnel/core/process_id.hpp"
#include "ginnel/measure/carrier_loops.hpp"
#include "ginnel/sys/posix_queue.hpp"
#include "ginnel/sys/sysv_queue.hpp"
#include "kinds.hpp"

// The kernel's message queues: two of them, one each way.

namespace ginnel::measure {
namespace {

class PosixQueues : public KeepsFailure {
 public:
  PosixQueues(PosixQueue there, PosixQueue back, Manner manner) noexcept
      : there_{std::move(there)}, back_{std::move(back)}, patience_{patience_of(manner)} {}
  [[nodiscard]] static Result<std::unique_ptr<PosixQueues>> make(const CarrierSetup& setup) {
    auto there = nameless(setup);
    if (!there) return std::unexpected{std::move(there.error())};
    auto back = nameless(setup);
    if (!back) return std::unexpected{std::move(back.error())};
    return std::make_unique<PosixQueues>(std::move(*there), std::move(*back), setup.manner);
  }
  [[nodiscard]] Result<void> prepare(Side side) {
    out_ = side == Side::first ? &there_ : &back_;
    in_ = side == Side::first ? &back_ : &there_;
    return {};
  }
  [[nodiscard]] Result<void> open(Side) { return {}; }
  [[nodiscard]] bool send(std::span<std::byte> message) {
    while (true) {
      auto sent = out_->send(message, 0, patience_);
      if (!sent) return fail(std::move(sent.error()));
      if (sent->is<Done>()) return true;
    }
  }
  [[nodiscard]] bool receive(std::span<std::byte> buffer) {
    while (true) {
      auto got = in_->receive(buffer, patience_);
      if (!got) return fail(std::move(got.error()));
      if (got->is<ReceivedFromQueue>()) return true;
    }
  }

 private:
  /// Without its name it lasts as long as its handles.
  [[nodiscard]] static Result<PosixQueue> nameless(const CarrierSetup& setup) {
    const auto self = Process::self();
    if (!self) return std::unexpected{self.error()};
    const std::string name = "/ginnel-bench-" + std::to_string(self->pid());
    const auto messages = static_cast<long>(std::min<std::size_t>(10, setting("/proc/sys/fs/mqueue/msg_max", 10)));
    auto queue = PosixQueue::create(name, {.messages = messages, .message_size = Bytes{setup.size}});
    if (!queue) return queue;
    if (auto gone = PosixQueue::unlink(name); !gone) return std::unexpected{std::move(gone.error())};
    return queue;
  }

  PosixQueue there_;
  PosixQueue back_;
  PosixQueue* in_ = nullptr;
  PosixQueue* out_ = nullptr;
  Deadline patience_;
};

/// Removed by the process that made it.
class OwnedSysvQueue {
 public:
  OwnedSysvQueue(SysvQueue queue, pid_t maker) noexcept : queue_{queue}, maker_{maker} {}
  OwnedSysvQueue(OwnedSysvQueue&& other) noexcept : queue_{other.queue_}, maker_{std::exchange(other.maker_, 0)} {}
  OwnedSysvQueue& operator=(OwnedSysvQueue&&) = delete;
  ~OwnedSysvQueue() {
    const auto self = Process::self();
    if (self && self->pid() == maker_) (void)queue_.remove();
  }
  [[nodiscard]] static Result<OwnedSysvQueue> make() {
    const auto self = Process::self();
    if (!self) return std::unexpected{self.error()};
    auto queue = SysvQueue::create(std::nullopt);
    if (!queue) return std::unexpected{std::move(queue.error())};
    return OwnedSysvQueue{*queue, self->pid()};
  }
  [[nodiscard]] SysvQueue& operator*() noexcept { return queue_; }

 private:
  SysvQueue queue_;
  pid_t maker_;
};

class SysvQueues : public KeepsFailure {
 public:
  SysvQueues(OwnedSysvQueue there, OwnedSysvQueue back, Manner manner) noexcept
      : there_{std::move(there)}, back_{std::move(back)}, patience_{patience_of(manner)} {}
  [[nodiscard]] static Result<std::unique_ptr<SysvQueues>> make(const CarrierSetup& setup) {
    auto there = OwnedSysvQueue::make();
    if (!there) return std::unexpected{std::move(there.error())};
    auto back = OwnedSysvQueue::make();
    if (!back) return std::unexpected{std::move(back.error())};
    return std::make_unique<SysvQueues>(std::move(*there), std::move(*back), setup.manner);
  }
  [[nodiscard]] Result<void> prepare(Side side) {
    out_ = side == Side::first ? &*there_ : &*back_;
    in_ = side == Side::first ? &*back_ : &*there_;
    return {};
  }
  [[nodiscard]] Result<void> open(Side) { return {}; }
  [[nodiscard]] bool send(std::span<std::byte> message) {
    while (true) {
      auto sent = out_->send(1, message, patience_);
      if (!sent) return fail(std::move(sent.error()));
      if (sent->is<Done>()) return true;
      if (sent->is<Removed>()) return fail(peer_gone("msgsnd"));
    }
  }
  [[nodiscard]] bool receive(std::span<std::byte> buffer) {
    while (true) {
      auto got = in_->receive({}, patience_);
      if (!got) return fail(std::move(got.error()));
      if (got->is<Removed>()) return fail(peer_gone("msgrcv"));
      if (const auto* message = got->get_if<SysvMessage>()) {
        std::ranges::copy_n(message->data.begin(),
                            static_cast<std::ptrdiff_t>(std::min(message->data.size(), buffer.size())), buffer.begin());
        return true;
      }
    }
  }

 private:
  OwnedSysvQueue there_;
  OwnedSysvQueue back_;
  SysvQueue* in_ = nullptr;
  SysvQueue* out_ = nullptr;
  Deadline patience_;
};

}  // namespace

void add_queues(std::vector<CarrierKind>& kinds) {
  kinds.push_back({.name = "posix-queue",
                   .mechanism = "posix-queue",
                   .largest = setting("/proc/sys/fs/mqueue/msgsize_max", 8192),
                   .make = CarrierOf<PosixQueues>::make});
  kinds.push_back({.name = "sysv-queue",
                   .mechanism = "sysv-queue",
                   .largest = setting("/proc/sys/kernel/msgmax", 8192),
                   .make = CarrierOf<SysvQueues>::make});
}

}  // namespace ginnel::measure
