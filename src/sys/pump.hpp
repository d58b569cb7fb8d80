#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "ginnel/core/result.hpp"
#include "ginnel/sys/pipe.hpp"
#include "ginnel/sys/relay.hpp"

namespace ginnel {

/// One direction of a relay as a machine that never waits: step() moves what can be moved now and says what it lacks.
/// Who waits, for how long and for what else, is the caller's business. SIGPIPE must be held back around step().
class Pump {
 public:
  enum class State { moved, needs_input, needs_output, ended };
  /// `may_block_in_output`: nothing else is waiting, so a write that lasts is no harm.
  Pump(int input, int output, RelayOptions options, bool may_block_in_output) noexcept;

  [[nodiscard]] Result<State> step();
  /// Ends it from outside.
  State end(RelayReport::End why) noexcept;
  /// EPIPE was met by splice(2), which raises a signal with it.
  [[nodiscard]] bool sigpipe_raised() const noexcept { return sigpipe_raised_; }

  [[nodiscard]] int input() const noexcept { return input_; }
  [[nodiscard]] int output() const noexcept { return output_; }
  [[nodiscard]] State state() const noexcept { return state_; }
  [[nodiscard]] const RelayReport& report() const noexcept { return report_; }

 private:
  enum class Way { undecided, pipe_at_an_end, through_own_pipe, through_buffer };

  Result<State> advance();
  Result<void> choose_way();
  Result<State> splice_directly();
  Result<State> fill_own_pipe();
  Result<State> drain_own_pipe();
  Result<State> fill_buffer();
  Result<State> drain_buffer();
  /// Nothing is taken from the input before the output has room for it; nullopt: it has.
  Result<std::optional<State>> output_lacks_room();
  Result<State> after_refusal(int code, bool from_input);
  Result<void> fall_back_to_copying();
  [[nodiscard]] std::size_t still_wanted(std::size_t most) const noexcept;

  int input_;
  int output_;
  RelayOptions options_;
  bool may_block_in_output_;
  bool input_polls_ = false;    ///< no file of a disk: whether it has something is asked first
  bool input_is_pipe_ = false;  ///< need not be asked: splice(2) itself tells
  Way way_ = Way::undecided;
  Pipe own_pipe_;
  std::size_t in_own_pipe_ = 0;
  std::vector<std::byte> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  int refusals_while_ready_ = 0;
  bool sigpipe_raised_ = false;
  State state_ = State::moved;
  RelayReport report_;
};

}  // namespace ginnel
