#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "ginnel/measure/carrier.hpp"
#include "ginnel/measure/histogram.hpp"
#include "ginnel/measure/schedule.hpp"
#include "ginnel/sys/futex.hpp"
#include "ginnel/sys/resource_use.hpp"

// The loops of a measurement, compiled for each carrier.

namespace ginnel::measure {

enum class What : std::uint8_t {
  round_trip,  ///< there and back, one message at a time (closed loop)
  one_way,     ///< as many as go through
  open_loop,   ///< one way at a given rate: each latency counts from the moment at which the message was due
};
[[nodiscard]] std::string_view to_string(What what) noexcept;

struct Job {
  What what = What::round_trip;
  std::size_t size = 64;
  std::chrono::nanoseconds warm_up{};
  std::chrono::nanoseconds span{};
  double rate = 0;                        ///< of an open loop, messages a second
  std::uint64_t messages_most = 1 << 30;  ///< ends earlier than the span after so many
};

/// What one side saw between the first counted message and the last.
struct SideFigures {
  std::uint64_t messages = 0;
  std::uint64_t elapsed_ns = 0;
  ResourceUse use{};
  std::uint64_t system_calls = 0;
};

/// Memory that the two processes of a measurement share with the one that started them. Zero at the beginning.
struct Board {
  alignas(128) FutexWord arrived;                   ///< how often a side has come to a meeting point
  alignas(128) std::atomic<std::int64_t> start_ns;  ///< of an open loop's schedule, on the steady clock
  alignas(128) std::atomic<std::uint32_t> overrun;  ///< the rate of an open loop could not be kept
  alignas(128) std::array<std::atomic<std::uint64_t>, 2> calls_seen;  ///< by a tracer, of each side
  alignas(128) std::array<SideFigures, 2> sides;
  std::array<std::array<char, 512>, 2> failures;  ///< text, empty where all went well
  Histogram latencies;                            ///< in nanoseconds
};

namespace detail {

using Clock = std::chrono::steady_clock;

[[nodiscard]] inline std::uint64_t count_of(Clock::duration span) noexcept {
  return static_cast<std::uint64_t>(std::chrono::nanoseconds{span}.count());
}

/// The counted part of one side's work.
class Window {
 public:
  Window(Board& board, Side side) noexcept : board_{board}, side_{static_cast<std::size_t>(side)} {}
  void begin() noexcept {
    use_ = own_resource_use();
    calls_ = calls();
    begun_ = Clock::now();
  }
  [[nodiscard]] bool is_open() const noexcept { return begun_ != Clock::time_point{}; }
  void end(std::uint64_t messages) noexcept {
    if (!is_open()) return;  // nothing that counts has come
    const auto ended = Clock::now();
    const std::uint64_t calls_made = calls() - calls_;
    const ResourceUse use = own_resource_use().since(use_);
    board_.sides[side_] = {
        .messages = messages, .elapsed_ns = count_of(ended - begun_), .use = use, .system_calls = calls_made};
  }
  [[nodiscard]] Clock::time_point begun() const noexcept { return begun_; }

 private:
  [[nodiscard]] std::uint64_t calls() const noexcept { return board_.calls_seen[side_].load(); }
  Board& board_;
  std::size_t side_;
  std::uint64_t calls_ = 0;
  ResourceUse use_{};
  Clock::time_point begun_{};
};

[[nodiscard]] inline Error out_of_order(Number expected, Number came) {
  return Error{EPROTO,
               "receive",
               {},
               "message " + std::to_string(came) + " came where " + std::to_string(expected) + " was due"};
}

/// Looks at the clock only as often as it takes to stop within some microseconds of the end.
class Pace {
 public:
  /// Whether the end has come, asked once for each message.
  [[nodiscard]] bool over(Clock::time_point end) noexcept {
    if (--left_ > 0) return false;
    const auto now = Clock::now();
    if (now - looked_ < std::chrono::microseconds{5} && between_ < 1024) between_ *= 2;
    looked_ = now;
    left_ = between_;
    return now >= end;
  }

 private:
  Clock::time_point looked_ = Clock::now();
  unsigned between_ = 1;
  unsigned left_ = 1;
};

}  // namespace detail

/// A carrier made of a class that satisfies MessageEnds.
template <MessageEnds Ends>
class CarrierOf final : public Carrier {
 public:
  explicit CarrierOf(std::unique_ptr<Ends> ends) noexcept : ends_{std::move(ends)} {}
  [[nodiscard]] static Result<std::unique_ptr<Carrier>> make(const CarrierSetup& setup) {
    auto ends = Ends::make(setup);
    if (!ends) return std::unexpected{std::move(ends.error())};
    return std::make_unique<CarrierOf>(std::move(*ends));
  }

  [[nodiscard]] Result<void> prepare(Side side) override { return ends_->prepare(side); }
  [[nodiscard]] Result<void> open(Side side) override { return ends_->open(side); }
  [[nodiscard]] Result<void> work(Side side, const Job& job, Board& board) override {
    message_.assign(std::max(job.size, sizeof(Number)), std::byte{0x5a});
    if (side == Side::second) return job.what == What::round_trip ? echo(board) : take(job, board);
    switch (job.what) {
      case What::round_trip:
        return round_trips(job, board);
      case What::one_way:
        return pour(job, board);
      case What::open_loop:
        break;
    }
    return send_as_due(job, board);
  }

 private:
  using Clock = detail::Clock;

  [[nodiscard]] bool send(Number number) {
    put_number(message_, number);
    return ends_->send(message_);
  }
  [[nodiscard]] std::unexpected<Error> failed() const { return std::unexpected{ends_->failure()}; }
  [[nodiscard]] Result<void> there_and_back(Number number) {
    if (!send(number) || !ends_->receive(message_)) return failed();
    if (number_of(message_) != number) return std::unexpected{detail::out_of_order(number, number_of(message_))};
    return {};
  }
  [[nodiscard]] Result<void> stop() {
    if (!send(stop_number)) return failed();
    return {};
  }

  [[nodiscard]] Result<void> round_trips(const Job& job, Board& board) {
    Number number = warm_up_bit;
    const auto warm = Clock::now() + job.warm_up;
    do {
      if (auto done = there_and_back(number++); !done) return done;
    } while (Clock::now() < warm);

    detail::Window window{board, Side::first};
    window.begin();
    const auto end = window.begun() + job.span;
    auto last = window.begun();
    std::uint64_t messages = 0;
    do {
      if (auto done = there_and_back(static_cast<Number>(messages)); !done) return done;
      const auto now = Clock::now();
      board.latencies.record(detail::count_of(now - last));
      last = now;
      ++messages;
    } while (last < end && messages < job.messages_most);
    window.end(messages);
    return stop();
  }
  [[nodiscard]] Result<void> echo(Board& board) {
    detail::Window window{board, Side::second};
    for (std::uint64_t messages = 0;;) {
      if (!ends_->receive(message_)) return failed();
      const Number number = number_of(message_);
      if (number == stop_number) {
        window.end(messages);
        return {};
      }
      if ((number & warm_up_bit) == 0) {
        if (!window.is_open()) window.begin();
        ++messages;
      }
      if (!ends_->send(message_)) return failed();
    }
  }

  [[nodiscard]] Result<void> pour(const Job& job, Board& board) {
    Number number = warm_up_bit;
    const auto warm = Clock::now() + job.warm_up;
    for (detail::Pace pace; !pace.over(warm);)
      if (!send(number++)) return failed();
    detail::Window window{board, Side::first};
    window.begin();
    std::uint64_t messages = 0;
    for (detail::Pace pace; messages < 1 || (!pace.over(window.begun() + job.span) && messages < job.messages_most);)
      if (!send(static_cast<Number>(messages++))) return failed();
    window.end(messages);
    return stop();
  }
  [[nodiscard]] Result<void> take(const Job& job, Board& board) {
    const bool scheduled = job.what == What::open_loop;
    detail::Window window{board, Side::second};
    for (std::uint64_t messages = 0;;) {
      if (!ends_->receive(message_)) return failed();
      const Number number = number_of(message_);
      if (number == stop_number) {
        window.end(messages);
        return {};
      }
      if ((number & warm_up_bit) != 0) continue;
      if (!window.is_open()) window.begin();
      if (scheduled) schedule_of(job, board).record(board.latencies, number, Clock::now());
      ++messages;
    }
  }

  [[nodiscard]] static Schedule schedule_of(const Job& job, const Board& board) {
    return {Clock::time_point{std::chrono::nanoseconds{board.start_ns.load(std::memory_order_relaxed)}}, job.rate};
  }
  [[nodiscard]] Result<void> send_as_due(const Job& job, Board& board) {
    Number number = warm_up_bit;
    const auto warm = Clock::now() + job.warm_up;
    for (detail::Pace pace; !pace.over(warm);)
      if (!send(number++)) return failed();
    const auto start = Clock::now() + std::chrono::milliseconds{1};
    board.start_ns.store(std::chrono::nanoseconds{start.time_since_epoch()}.count());
    detail::Window window{board, Side::first};
    window.begin();
    bool sending = true;
    const auto give_up = start + 2 * job.span;
    const std::uint64_t sent = send_on_schedule(
        schedule_of(job, board), start + job.span, [] { return Clock::now(); },
        [](Clock::time_point moment) {
          while (Clock::now() < moment) {
          }
        },
        [&](std::uint64_t index) {
          if (index % 64 == 0 && Clock::now() > give_up) {
            board.overrun.store(1);
            return false;
          }
          sending = send(static_cast<Number>(index));
          return sending && index + 1 < job.messages_most;
        });
    if (!sending) return failed();
    window.end(sent);
    return stop();
  }

  std::unique_ptr<Ends> ends_;
  std::vector<std::byte> message_;
};

}  // namespace ginnel::measure
