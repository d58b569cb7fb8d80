#include "ginnel/measure/limits.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <utility>

#include "ginnel/sys/child.hpp"
#include "ginnel/sys/processors.hpp"

namespace ginnel::measure {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr int repeats = 5;

template <class Numbers>
double median(Numbers numbers) {
  std::ranges::sort(numbers);
  return numbers[numbers.size() / 2];
}

/// Nanoseconds of one call of `action`, from as many as fit into the span.
template <class Action>
double ns_of_one(std::chrono::nanoseconds span, Action action) {
  std::uint64_t done = 0;
  std::uint64_t batch = 1;
  const auto begin = Clock::now();
  auto now = begin;
  while (now - begin < span) {
    for (std::uint64_t i = 0; i < batch; ++i) action();
    done += batch;
    now = Clock::now();
    if (batch < 4096) batch *= 2;
  }
  return static_cast<double>(std::chrono::nanoseconds{now - begin}.count()) / static_cast<double>(done);
}

template <class Action>
double median_of_one(std::chrono::nanoseconds each, Action action) {
  std::array<double, repeats> taken{};
  for (double& ns : taken) ns = ns_of_one(each / repeats, action);
  return median(taken);
}

struct Words {
  alignas(128) FutexWord there{};
  alignas(128) FutexWord back{};
};

void spin(FutexWord& word, std::uint32_t value) {
  for (std::uint32_t now = word.load(std::memory_order_acquire); now != value && now != stop_number;)
    now = word.load(std::memory_order_acquire);
}
void wait_asleep(FutexWord& word, std::uint32_t value) {
  for (std::uint32_t now = word.load(std::memory_order_acquire); now != value && now != stop_number;
       now = word.load(std::memory_order_acquire))
    (void)futex_wait(word, now);
}
void leave(FutexWord&) {}
void wake(FutexWord& word) { (void)futex_wake(word, 1); }

/// Two words bounced between two processes; the median of several rounds.
template <void (*wait)(FutexWord&, std::uint32_t), void (*tell)(FutexWord&)>
Result<Outcome<double, Interrupted>> bounce(const Placement& placement, std::chrono::nanoseconds each, int interrupt) {
  auto memory = BoardMemory::create();
  if (!memory) return std::unexpected{std::move(memory.error())};
  auto shared = ReadWriteMapping::anonymous(Bytes{sizeof(Words) + sizeof(double)});
  if (!shared) return std::unexpected{std::move(shared.error())};
  auto& words = *reinterpret_cast<Words*>(shared->bytes().data());
  auto& result = *reinterpret_cast<double*>(shared->bytes().data() + sizeof(Words));
  auto done = run_pair(placement, memory->board(), 20s + 10 * each, interrupt, [&](Side side) -> Result<void> {
    meet(memory->board());
    if (side == Side::second) {
      for (std::uint32_t round = 1;; ++round) {
        wait(words.there, round);
        if (words.there.load() == stop_number) return {};
        words.back.store(round, std::memory_order_release);
        tell(words.back);
      }
    }
    std::uint32_t round = 0;
    result = median_of_one(each, [&] {
      words.there.store(++round, std::memory_order_release);
      tell(words.there);
      wait(words.back, round);
    });
    words.there.store(stop_number);
    tell(words.there);
    return {};
  });
  if (!done) return std::unexpected{std::move(done.error())};
  if (done->template is<Interrupted>()) return Interrupted{};
  return result;
}

/// What one process can learn alone, on the processor of the first side.
struct Alone {
  double system_call_ns;
  double clock_ns;
  std::array<CopySpeed, 32> copies;
  std::size_t copied;
};

void measure_alone(Alone& alone, const std::vector<std::size_t>& sizes, std::chrono::nanoseconds each) {
  alone.system_call_ns = median_of_one(each, [] { enter_kernel(); });
  alone.clock_ns = median_of_one(each, [] {
    const auto now = Clock::now();
    asm volatile("" : : "r"(&now) : "memory");
  });
  for (const std::size_t size : sizes) {
    if (alone.copied == alone.copies.size()) break;
    std::vector<std::byte> from(size, std::byte{1});
    std::vector<std::byte> to(size);
    const double ns = median_of_one(each, [&] {
      std::memcpy(to.data(), from.data(), size);
      asm volatile("" : : "r"(to.data()), "r"(from.data()) : "memory");
    });
    alone.copies[alone.copied++] = {.bytes = size, .ns = ns};
  }
}

Result<void> learn_alone(MachineLimits& limits, const Placement& placement, const std::vector<std::size_t>& sizes,
                         std::chrono::nanoseconds each) {
  auto memory = ReadWriteMapping::anonymous(Bytes{sizeof(Alone)});
  if (!memory) return std::unexpected{std::move(memory.error())};
  auto& alone = *reinterpret_cast<Alone*>(memory->bytes().data());
  auto child = start_child([&] {
    if (!pin_to_processor(placement.first)) return 1;
    measure_alone(alone, sizes, each);
    return 0;
  });
  if (!child) return std::unexpected{std::move(child.error())};
  auto ended = child->collect();
  if (!ended) return std::unexpected{std::move(ended.error())};
  limits.system_call_ns = alone.system_call_ns;
  limits.clock_ns = alone.clock_ns;
  limits.copies.assign(alone.copies.begin(), alone.copies.begin() + static_cast<std::ptrdiff_t>(alone.copied));
  return {};
}

}  // namespace

double MachineLimits::copy_ns(std::size_t bytes) const noexcept {
  if (copies.empty()) return 0;
  const auto above = std::ranges::find_if(copies, [&](const CopySpeed& speed) { return speed.bytes >= bytes; });
  if (above == copies.begin()) return above->ns;
  const CopySpeed& below = *std::prev(above);
  if (above == copies.end()) return below.ns * static_cast<double>(bytes) / static_cast<double>(below.bytes);
  const double part = static_cast<double>(bytes - below.bytes) / static_cast<double>(above->bytes - below.bytes);
  return std::lerp(below.ns, above->ns, part);
}

const PairLimits* MachineLimits::pair(const std::string& placement) const noexcept {
  const auto found = std::ranges::find(pairs, placement, &PairLimits::placement);
  return found == pairs.end() ? nullptr : &*found;
}

Result<Outcome<MachineLimits, Interrupted>> measure_limits(const std::vector<Placement>& places,
                                                           const std::vector<std::size_t>& sizes,
                                                           std::chrono::nanoseconds each, int interrupt) {
  MachineLimits limits;
  for (const Placement& placement : places) {
    PairLimits pair{.placement = placement.name};
    if (!placement.is_shared()) {
      auto line = bounce<spin, leave>(placement, each, interrupt);
      if (!line) return std::unexpected{std::move(line.error())};
      if (line->is<Interrupted>()) return Interrupted{};
      pair.cache_line_ns = line->as<double>();
    }
    auto futex = bounce<wait_asleep, wake>(placement, each, interrupt);
    if (!futex) return std::unexpected{std::move(futex.error())};
    if (futex->is<Interrupted>()) return Interrupted{};
    pair.futex_ns = futex->as<double>();
    limits.pairs.push_back(std::move(pair));
  }
  if (!places.empty())
    if (auto alone = learn_alone(limits, places.front(), sizes, each); !alone)
      return std::unexpected{std::move(alone.error())};
  return limits;
}

}  // namespace ginnel::measure
