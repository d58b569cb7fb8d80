#include "ginnel/measure/trial.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <optional>
#include <utility>
#include <vector>

#include "ginnel/core/process_id.hpp"
#include "ginnel/sys/call_counter.hpp"
#include "ginnel/sys/child.hpp"
#include "ginnel/sys/epoll.hpp"
#include "ginnel/sys/processors.hpp"

namespace ginnel::measure {
namespace {

using namespace std::chrono_literals;

constexpr int ended_well = 0;
constexpr int ended_badly = 1;
constexpr int kill_signal = 9;
constexpr auto longest_setup = 20s;

std::string_view name_of(Side side) { return side == Side::first ? "first side" : "second side"; }

int run_side(Side side, int processor, Board& board, const std::function<Result<void>(Side)>& work) {
  auto done = pin_to_processor(processor);
  if (done) done = work(side);
  if (done) return ended_well;
  auto& place = board.failures.at(static_cast<std::size_t>(side));
  const std::string why = done.error().message();
  std::memcpy(place.data(), why.data(), std::min(why.size(), place.size() - 1));
  return ended_badly;
}

/// The two children, killed and collected at the end.
class Pair {
 public:
  Pair() = default;
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;
  ~Pair() {
    for (auto& child : children_) {
      if (!child) continue;
      (void)child->signal(kill_signal);
      (void)child->collect();
    }
  }
  [[nodiscard]] Result<void> start(Side side, const std::function<int()>& body) {
    auto child = start_child(body);
    if (!child) return std::unexpected{std::move(child.error())};
    children_.at(static_cast<std::size_t>(side)).emplace(std::move(*child));
    return {};
  }
  [[nodiscard]] std::optional<Process>& child(Side side) { return children_.at(static_cast<std::size_t>(side)); }

 private:
  std::array<std::optional<Process>, 2> children_;
};

/// Why that side ended as it did.
Error failure_of(Side side, const Board& board, const ExitStatus& status) {
  const std::string_view why = board.failures.at(static_cast<std::size_t>(side)).data();
  return Error{ECHILD, "measure", name_of(side), why.empty() ? status.to_string() : std::string{why}};
}

/// Waits until both have ended well, one has not, or the user has had enough.
Result<Outcome<Done, Interrupted>> watch(Pair& pair, const Board& board, Deadline deadline, int interrupt) {
  constexpr std::uint64_t key_of_interrupt = 2;
  auto watched = Epoll::create();
  if (!watched) return std::unexpected{std::move(watched.error())};
  for (const Side side : {Side::first, Side::second})
    if (auto added = watched->add(pair.child(side)->pollable(), static_cast<std::uint64_t>(side)); !added)
      return std::unexpected{std::move(added.error())};
  if (interrupt >= 0)
    if (auto added = watched->add(interrupt, key_of_interrupt); !added)
      return std::unexpected{std::move(added.error())};

  for (int running = 2; running > 0;) {
    std::array<std::uint64_t, 1> keys{};
    auto ready = watched->wait(keys, deadline);
    if (!ready) return std::unexpected{std::move(ready.error())};
    if (ready->is<TimedOut>()) return std::unexpected{Error{ETIMEDOUT, "measure", {}, "the two sides hung"}};
    if (keys[0] == key_of_interrupt) return Interrupted{};
    const auto side = static_cast<Side>(keys[0]);
    auto& child = pair.child(side);
    auto ended = child->collect();
    if (!ended) return std::unexpected{std::move(ended.error())};
    const ExitStatus status = ended->as<ExitStatus>();
    watched->remove(child->pollable());
    child.reset();
    if (!status.success()) return std::unexpected{failure_of(side, board, status)};
    --running;
  }
  return Done{};
}

}  // namespace

double TrialFigures::rate(What what) const noexcept {
  const SideFigures& counting = side(what == What::round_trip ? Side::first : Side::second);
  return counting.elapsed_ns == 0
             ? 0
             : static_cast<double>(counting.messages) * 1e9 / static_cast<double>(counting.elapsed_ns);
}

Result<BoardMemory> BoardMemory::create() {
  auto memory = ReadWriteMapping::anonymous(Bytes{sizeof(Board)});
  if (!memory) return std::unexpected{std::move(memory.error())};
  new (memory->bytes().data()) Board{};
  return BoardMemory{std::move(*memory)};
}

Board& BoardMemory::board() const noexcept { return *std::launder(reinterpret_cast<Board*>(memory_.bytes().data())); }

void meet(Board& board) noexcept {
  const std::uint32_t come = board.arrived.fetch_add(1) + 1;
  const std::uint32_t all = (come + 1) / 2 * 2;
  (void)futex_wake(board.arrived, wake_all);
  for (std::uint32_t here = board.arrived.load(); here < all; here = board.arrived.load())
    (void)futex_wait(board.arrived, here);
}

Result<Outcome<Done, Interrupted>> run_pair(const Placement& placement, Board& board, std::chrono::nanoseconds patience,
                                            int interrupt, const std::function<Result<void>(Side)>& work) {
  Pair pair;
  for (const Side side : {Side::first, Side::second}) {
    const int processor = side == Side::first ? placement.first : placement.second;
    auto started = pair.start(side, [&, side] { return run_side(side, processor, board, work); });
    if (!started) return std::unexpected{std::move(started.error())};
  }
  return watch(pair, board, Deadline::after(patience), interrupt);
}

Result<void> run_pair_counted(const Placement& placement, Board& board, std::chrono::nanoseconds patience,
                              const std::function<Result<void>(Side)>& work) {
  std::vector<Process> sides;
  for (const Side side : {Side::first, Side::second}) {
    const int processor = side == Side::first ? placement.first : placement.second;
    auto started = start_child([&, side] { return run_side(side, processor, board, work); });
    if (!started) {
      for (Process& child : sides) {
        (void)child.signal(kill_signal);
        (void)child.collect();
      }
      return std::unexpected{std::move(started.error())};
    }
    sides.push_back(std::move(*started));
  }
  auto counted =
      count_calls(sides, [&](std::size_t side) { board.calls_seen.at(side).fetch_add(1); }, Deadline::after(patience));
  if (!counted) return std::unexpected{std::move(counted.error())};
  if (counted->is<TimedOut>())
    return std::unexpected{Error{ETIMEDOUT, "count", {}, "the two sides hung while their system calls were counted"}};
  const auto& ended = counted->as<std::vector<ExitStatus>>();
  for (const Side side : {Side::first, Side::second})
    if (const ExitStatus& status = ended.at(static_cast<std::size_t>(side)); !status.success())
      return std::unexpected{failure_of(side, board, status)};
  return {};
}

namespace {

/// What each side does: it makes its end, meets the other, and works.
std::function<Result<void>(Side)> work_of(Carrier& carrier, const Job& job, Board& board) {
  return [&](Side side) -> Result<void> {
    if (auto prepared = carrier.prepare(side); !prepared) return prepared;
    meet(board);
    if (auto opened = carrier.open(side); !opened) return opened;
    meet(board);
    if (auto done = carrier.work(side, job, board); !done) return done;
    meet(board);  // what is read out of a sender's own memory ends with it
    return {};
  };
}

}  // namespace

Result<double> count_system_calls(const CarrierKind& kind, const CarrierSetup& setup, What what, std::uint64_t messages,
                                  const Placement& placement) {
  auto memory = BoardMemory::create();
  if (!memory) return std::unexpected{std::move(memory.error())};
  Board& board = memory->board();
  auto carrier = kind.make(setup);
  if (!carrier) return std::unexpected{std::move(carrier.error())};
  const Job job{.what = what, .size = setup.size, .span = longest_setup, .messages_most = messages};
  if (auto done = run_pair_counted(placement, board, longest_setup, work_of(**carrier, job, board)); !done)
    return std::unexpected{std::move(done.error())};
  double calls = 0;
  for (const SideFigures& side : board.sides)
    if (side.messages > 0) calls += static_cast<double>(side.system_calls) / static_cast<double>(side.messages);
  return calls;
}

Result<Outcome<TrialFigures, Interrupted>> run_trial(const CarrierKind& kind, const CarrierSetup& setup, const Job& job,
                                                     const Placement& placement, int interrupt) {
  auto memory = BoardMemory::create();
  if (!memory) return std::unexpected{std::move(memory.error())};
  Board& board = memory->board();
  auto carrier = kind.make(setup);
  if (!carrier) return std::unexpected{std::move(carrier.error())};
  const auto patience = longest_setup + 10 * (job.warm_up + job.span);
  auto done = run_pair(placement, board, patience, interrupt, work_of(**carrier, job, board));
  if (!done) return std::unexpected{std::move(done.error())};
  if (done->is<Interrupted>()) return Interrupted{};
  return TrialFigures{.sides = board.sides,
                      .latencies = std::make_unique<Histogram>(board.latencies),
                      .overrun = board.overrun.load() != 0};
}

}  // namespace ginnel::measure
