#pragma once

#include <array>
#include <functional>
#include <memory>
#include <string>

#include "ginnel/core/outcome.hpp"
#include "ginnel/measure/carrier.hpp"
#include "ginnel/measure/carrier_loops.hpp"
#include "ginnel/measure/placement.hpp"
#include "ginnel/sys/mapping.hpp"

namespace ginnel::measure {

/// The user wants no more: a descriptor that was to be watched became readable.
struct Interrupted {};

/// Two processes at a carrier, once.
struct TrialFigures {
  std::array<SideFigures, 2> sides;      ///< by Side
  std::unique_ptr<Histogram> latencies;  ///< in nanoseconds; empty for one_way
  bool overrun = false;                  ///< an open loop whose rate could not be kept

  [[nodiscard]] const SideFigures& side(Side which) const noexcept { return sides.at(static_cast<std::size_t>(which)); }
  /// Messages a second: of those that came, by the side that counts them.
  [[nodiscard]] double rate(What what) const noexcept;
};

/// Starts two children that meet and then call `work`, each for its side, on its processor. Returns when both have ended.
/// `interrupt` is a descriptor that ends everything when it becomes readable; -1: none.
/// Errors: those that a side came to, told with its name; ETIMEDOUT (they hung for longer than `patience`), EAGAIN, ENOMEM, EMFILE.
[[nodiscard]] Result<Outcome<Done, Interrupted>> run_pair(const Placement& placement, Board& board,
                                                          std::chrono::nanoseconds patience, int interrupt,
                                                          const std::function<Result<void>(Side)>& work);
/// The same with every system call of either side counted on the board, and so many times slower. Errors: also those of count_calls().
[[nodiscard]] Result<void> run_pair_counted(const Placement& placement, Board& board, std::chrono::nanoseconds patience,
                                            const std::function<Result<void>(Side)>& work);
/// Within `work`: returns when the other side has come here too.
void meet(Board& board) noexcept;

/// Memory for a board, all zero, shared with children.
class [[nodiscard]] BoardMemory {
 public:
  /// Errors: ENOMEM.
  [[nodiscard]] static Result<BoardMemory> create();
  [[nodiscard]] Board& board() const noexcept;

 private:
  explicit BoardMemory(ReadWriteMapping memory) noexcept : memory_{std::move(memory)} {}
  ReadWriteMapping memory_;
};

/// One trial of a carrier. Errors: of making the carrier, and as run_pair.
[[nodiscard]] Result<Outcome<TrialFigures, Interrupted>> run_trial(const CarrierKind& kind, const CarrierSetup& setup,
                                                                   const Job& job, const Placement& placement,
                                                                   int interrupt = -1);

/// System calls of both sides for each message, counted over so many. Errors: as run_trial and run_pair_counted.
[[nodiscard]] Result<double> count_system_calls(const CarrierKind& kind, const CarrierSetup& setup, What what,
                                                std::uint64_t messages, const Placement& placement);

}  // namespace ginnel::measure
