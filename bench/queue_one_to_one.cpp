#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "ginnel/msg/detail/queue_members.hpp"
#include "ginnel/sys/mapping.hpp"
#include "pair.hpp"

// The core of the queue between two processes, each on a core of its own: one pushes 64 B, the other pops and acknowledges.
//
//   build/release/bench/queue_one_to_one [SLOTS] [PRIORITIES] [PAUSES-WHEN-FULL] [PAUSES-WHEN-EMPTY]
//
// Told is the time of one message in windows of 10 000, so that a window in which nobody else had the processor shows; and,
// before and after, the round trip of a bare cache line, taken the same way. Figures whose two round trips disagree are to be thrown away.

namespace {

using namespace ginnel::detail;
using namespace ginnel::bench;

constexpr std::uint64_t messages = 3'000'000;
constexpr std::uint64_t window = 10'000;
constexpr std::uint64_t trips = 200'000;
constexpr std::uint64_t window_of_trips = 1'000;
using Message = std::array<std::uint64_t, 8>;

/// Nanoseconds of one event, sorted by window.
class Windows {
 public:
  void end_of(std::uint64_t events) {
    const auto now = Clock::now();
    const std::chrono::duration<double, std::nano> span = now - begin_;
    each_.push_back(span.count() / static_cast<double>(events));
    begin_ = now;
  }
  double quantile(double part) {
    std::sort(each_.begin(), each_.end());
    return each_[static_cast<std::size_t>(part * static_cast<double>(each_.size() - 1))];
  }

 private:
  Clock::time_point begin_ = Clock::now();
  std::vector<double> each_;
};

void pause_for(long pauses) {
  for (; pauses > 0; --pauses) relax();
}

double round_trip(std::byte* lines) {
  const auto there = word_at(lines, 0);
  const auto back = word_at(lines, 2 * cache_line_bytes);
  there.store(0);
  back.store(0);
  Windows windows;
  side_by_side(
      [&] {
        for (std::uint64_t i = 1; i <= trips; ++i) {
          while (there.load(std::memory_order_acquire) != i) {
          }
          back.store(i, std::memory_order_release);
        }
      },
      [&] {
        for (std::uint64_t i = 1; i <= trips; ++i) {
          there.store(i, std::memory_order_release);
          while (back.load(std::memory_order_acquire) != i) {
          }
          if (i % window_of_trips == 0) windows.end_of(window_of_trips);
        }
      });
  return windows.quantile(0.1);
}

void push_all(const QueueMemory& memory, long pauses_when_full) {
  QueueCore queue{memory, 1};
  for (std::uint64_t i = 0; i < messages;) {
    ClaimedSlot claimed;
    if (queue.claim(claimed) != QueueStep::done) {
      pause_for(pauses_when_full);
      continue;
    }
    const Message payload{i, 0, 0, 0, 0, 0, 0, i};
    std::memcpy(queue.payload(claimed), &payload, sizeof payload);
    if (queue.publish(claimed, sizeof payload, 0) != QueueStep::done) std::abort();
    ++i;
  }
}

void pop_all(const QueueMemory& memory, long pauses_when_empty) {
  QueueCore queue{memory, 2};
  Windows windows;
  for (std::uint64_t i = 0; i < messages;) {
    TakenMessage taken;
    if (queue.take(taken) != QueueStep::done) {
      pause_for(pauses_when_empty);
      continue;
    }
    Message payload;
    std::memcpy(&payload, queue.payload(taken).data(), sizeof payload);
    if (payload[0] != i || payload[7] != i || queue.acknowledge(taken) != QueueStep::done) std::abort();
    if (++i % window == 0) windows.end_of(window);
  }
  std::printf("ns a message: p10 %.0f, p50 %.0f (%.1f M/s, %.1f M/s); ", windows.quantile(0.1), windows.quantile(0.5),
              1e3 / windows.quantile(0.1), 1e3 / windows.quantile(0.5));
}

}  // namespace

int main(int argc, char** argv) {
  const auto argument = [&](int index, long otherwise) {
    return argc > index ? std::strtol(argv[index], nullptr, 10) : otherwise;
  };
  const QueueShape shape{.slots = static_cast<std::uint32_t>(argument(1, 1024)),
                         .priorities = static_cast<std::uint32_t>(argument(2, 1)),
                         .payload_bytes = sizeof(Message),
                         .participants = 2};
  auto mapping = ginnel::ReadWriteMapping::anonymous(ginnel::Bytes{shape.bytes() + 4 * cache_line_bytes});
  if (!shape.is_valid() || !mapping) return 2;
  std::byte* base = mapping->bytes().data();
  const QueueMemory memory{base, shape};
  for (const std::uint32_t number : {1U, 2U})
    if (QueueMembers{memory}.join(number) != QueueStep::done) return 2;
  const double before = round_trip(base + shape.bytes());
  side_by_side([&] { pop_all(memory, argument(4, 1000)); }, [&] { push_all(memory, argument(3, 300)); });
  const double after = round_trip(base + shape.bytes());
  std::printf("round trip of a line: %.0f and %.0f ns\n", before, after);
}
