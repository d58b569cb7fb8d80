#include <algorithm>
#include <cstring>
#include <utility>

#include "gates.hpp"
#include "ginnel/measure/carrier_loops.hpp"
#include "ginnel/sys/cross_memory.hpp"
#include "ginnel/sys/memfd.hpp"
#include "kinds.hpp"
#include "meeting.hpp"

// Shared memory as it is commonly used: a ring of slots each way, with one gate that counts the filled ones and one that counts the
// empty ones. The kinds of shared memory do not differ once they are mapped; a memfd stands for all.

namespace ginnel::measure {
namespace {

/// How many slots a direction has: 16, and fewer of large messages.
std::size_t slots_for(std::size_t size) {
  constexpr std::size_t most = 16;
  constexpr std::size_t together = std::size_t{4} << 20U;
  return std::clamp<std::size_t>(together / size, 2, most);
}
std::size_t stride_for(std::size_t size) {
  constexpr std::size_t line = 64;
  return (size + line - 1) / line * line;
}

enum class Content { copied, in_place };

/// One direction. Each process has an object of its own, and so a position of its own, for what it does with it.
template <class Gate>
class SlotRing {
 public:
  [[nodiscard]] static std::size_t bytes_for(std::size_t size) {
    return 2 * gate_bytes + slots_for(size) * stride_for(size);
  }
  [[nodiscard]] static Result<SlotRing> make(const GatePlace& place, std::size_t size) {
    auto filled = Gate::make(place, 0);
    if (!filled) return std::unexpected{std::move(filled.error())};
    const auto slots = slots_for(size);
    auto empty = Gate::make({place.memory, place.offset + gate_bytes}, static_cast<unsigned>(slots));
    if (!empty) return std::unexpected{std::move(empty.error())};
    return SlotRing{std::move(*filled), std::move(*empty), place.address() + 2 * gate_bytes, slots, stride_for(size)};
  }
  [[nodiscard]] std::byte* to_fill() { return empty_.wait() ? slot() : nullptr; }
  [[nodiscard]] bool filled() { return advance(), filled_.post(); }
  [[nodiscard]] const std::byte* to_read() { return filled_.wait() ? slot() : nullptr; }
  [[nodiscard]] bool read() { return advance(), empty_.post(); }
  [[nodiscard]] Error failure() const {
    Error error = filled_.failure();
    return error.code() != 0 ? error : empty_.failure();
  }

 private:
  SlotRing(Gate filled, Gate empty, std::byte* slots, std::size_t count, std::size_t stride) noexcept
      : filled_{std::move(filled)}, empty_{std::move(empty)}, slots_{slots}, count_{count}, stride_{stride} {}
  [[nodiscard]] std::byte* slot() const noexcept { return slots_ + next_ * stride_; }
  void advance() noexcept { next_ = next_ + 1 == count_ ? 0 : next_ + 1; }
  Gate filled_;
  Gate empty_;
  std::byte* slots_;
  std::size_t count_;
  std::size_t stride_;
  std::size_t next_ = 0;
};

template <class Gate, Content content>
class Slots {
 public:
  using Ring = SlotRing<Gate>;
  Slots(Ring there, Ring back, std::shared_ptr<ReadWriteMapping> memory) noexcept
      : memory_{std::move(memory)}, there_{std::move(there)}, back_{std::move(back)} {}
  [[nodiscard]] static Result<std::unique_ptr<Slots>> make(const CarrierSetup& setup) {
    constexpr std::size_t page = 4096;
    const std::size_t each = (Ring::bytes_for(setup.size) + page - 1) / page * page;
    auto file = Memfd::create("ginnel-bench", Bytes{2 * each});
    if (!file) return std::unexpected{std::move(file.error())};
    auto mapped = file->map_read_write();
    if (!mapped) return std::unexpected{std::move(mapped.error())};
    auto memory = std::make_shared<ReadWriteMapping>(std::move(*mapped));
    auto there = Ring::make({memory, 0}, setup.size);
    if (!there) return std::unexpected{std::move(there.error())};
    auto back = Ring::make({memory, each}, setup.size);
    if (!back) return std::unexpected{std::move(back.error())};
    return std::make_unique<Slots>(std::move(*there), std::move(*back), std::move(memory));
  }
  [[nodiscard]] Result<void> prepare(Side side) {
    out_ = side == Side::first ? &there_ : &back_;
    in_ = side == Side::first ? &back_ : &there_;
    return {};
  }
  [[nodiscard]] Result<void> open(Side) { return {}; }
  [[nodiscard]] bool send(std::span<std::byte> message) {
    std::byte* const slot = out_->to_fill();
    if (slot == nullptr) return false;
    std::memcpy(slot, message.data(), content == Content::copied ? message.size() : sizeof(Number));
    return out_->filled();
  }
  [[nodiscard]] bool receive(std::span<std::byte> buffer) {
    const std::byte* const slot = in_->to_read();
    if (slot == nullptr) return false;
    std::memcpy(buffer.data(), slot, content == Content::copied ? buffer.size() : sizeof(Number));
    return in_->read();
  }
  [[nodiscard]] Error failure() const {
    Error error = there_.failure();
    return error.code() != 0 ? error : back_.failure();
  }

 private:
  std::shared_ptr<ReadWriteMapping> memory_;
  Ring there_;
  Ring back_;
  Ring* in_ = nullptr;
  Ring* out_ = nullptr;
};

/// Messages stay in the sender's own memory; the receiver copies them out of that process, told by a futex that one is there.
class CrossMemory : public KeepsFailure {
 public:
  using Ring = SlotRing<FutexGate>;
  CrossMemory(Ring there, Ring back, std::shared_ptr<ReadWriteMapping> memory, Meeting meeting, std::size_t size)
      : memory_{std::move(memory)},
        there_{std::move(there)},
        back_{std::move(back)},
        meeting_{std::move(meeting)},
        slots_(slots_for(size)),
        size_{size},
        outbox_(slots_ * size) {}
  [[nodiscard]] static Result<std::unique_ptr<CrossMemory>> make(const CarrierSetup& setup) {
    constexpr std::size_t page = 4096;
    auto mapped = ReadWriteMapping::anonymous(Bytes{2 * page});
    if (!mapped) return std::unexpected{std::move(mapped.error())};
    auto memory = std::make_shared<ReadWriteMapping>(std::move(*mapped));
    auto meeting = Meeting::arrange();
    if (!meeting) return std::unexpected{std::move(meeting.error())};
    auto there = Ring::make({memory, 0}, setup.size);
    if (!there) return std::unexpected{std::move(there.error())};
    auto back = Ring::make({memory, page}, setup.size);
    if (!back) return std::unexpected{std::move(back.error())};
    return std::make_unique<CrossMemory>(std::move(*there), std::move(*back), std::move(memory), std::move(*meeting),
                                         setup.size);
  }
  [[nodiscard]] Result<void> prepare(Side side) {
    out_ = side == Side::first ? &there_ : &back_;
    in_ = side == Side::first ? &back_ : &there_;
    return meeting_.come(side);
  }
  [[nodiscard]] Result<void> open(Side side) {
    auto peer = meeting_.other_of(side);
    if (!peer) return std::unexpected{std::move(peer.error())};
    if (auto allowed = allow_access_by(*peer); !allowed) return allowed;
    peer_.emplace(std::move(*peer));
    return {};
  }
  [[nodiscard]] bool send(std::span<std::byte> message) {
    if (out_->to_fill() == nullptr) return fail(out_->failure());
    std::memcpy(outbox_.data() + next_out_ * size_, message.data(), message.size());
    next_out_ = (next_out_ + 1) % slots_;
    return out_->filled() || fail(out_->failure());
  }
  /// Both processes are forks of one, so the other's outbox has the address of one's own.
  [[nodiscard]] bool receive(std::span<std::byte> buffer) {
    if (in_->to_read() == nullptr) return fail(in_->failure());
    const auto address = reinterpret_cast<std::uintptr_t>(outbox_.data() + next_in_ * size_);
    auto got = read_memory(*peer_, address, buffer);
    if (!got) return fail(std::move(got.error()));
    if (!got->is<BytesRead>()) return fail(peer_gone("process_vm_readv"));
    next_in_ = (next_in_ + 1) % slots_;
    return in_->read() || fail(in_->failure());
  }

 private:
  std::shared_ptr<ReadWriteMapping> memory_;
  Ring there_;
  Ring back_;
  Meeting meeting_;
  std::size_t slots_;
  std::size_t size_;
  std::vector<std::byte> outbox_;
  std::size_t next_out_ = 0;
  std::size_t next_in_ = 0;
  Ring* in_ = nullptr;
  Ring* out_ = nullptr;
  std::optional<Process> peer_;
};

constexpr Manners only_sleeping{.sleeping = true, .polling = false};
constexpr Manners only_polling{.sleeping = false, .polling = true};

template <class Gate>
CarrierKind copied(std::string_view name, std::string_view mechanism, Manners manners) {
  return {
      .name = name, .mechanism = mechanism, .manners = manners, .make = CarrierOf<Slots<Gate, Content::copied>>::make};
}
template <class Gate>
CarrierKind in_place(std::string_view name, std::string_view mechanism, Manners manners) {
  return {.name = name,
          .mechanism = mechanism,
          .in_place = true,
          .manners = manners,
          .make = CarrierOf<Slots<Gate, Content::in_place>>::make};
}

}  // namespace

void add_slots(std::vector<CarrierKind>& kinds) {
  kinds.push_back(copied<SpinGate>("shm+spin", "posix-shm", only_polling));
  kinds.push_back(in_place<SpinGate>("shm+spin, in place", "posix-shm", only_polling));
  kinds.push_back(copied<FutexGate>("shm+futex", "futex", only_sleeping));
  kinds.push_back(in_place<FutexGate>("shm+futex, in place", "futex", only_sleeping));
  kinds.push_back(copied<PosixSemaphoreGate>("shm+posix-semaphore", "posix-semaphore", only_sleeping));
  kinds.push_back(copied<SysvSemaphoreGate>("shm+sysv-semaphore", "sysv-semaphore", only_sleeping));
  kinds.push_back(copied<EventfdGate>("shm+eventfd", "eventfd", only_sleeping));
  kinds.push_back(copied<ConditionGate>("shm+condition", "condition", only_sleeping));
  kinds.push_back({.name = "cross-memory",
                   .mechanism = "cross-memory",
                   .manners = only_sleeping,
                   .make = CarrierOf<CrossMemory>::make});
}

}  // namespace ginnel::measure
