#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "hostile/ledger.hpp"

namespace ginnel::hostile {

/// Writes into memory that somebody else reads: 1 to 8 bytes at a time, at any offset, of any value or of one that is known to be awkward.
class Scribbler {
 public:
  /// `words`: offsets of what the reader takes for more than bytes. `values` are tried beside those that are awkward everywhere.
  Scribbler(std::span<std::byte> memory, std::vector<std::size_t> words, std::vector<std::uint64_t> values,
            Random& random);

  /// Chooses anew where to write: at words, at a single one, from one offset to the next, around `place`, or anywhere; or at `place`
  /// again and again, so that who reads it twice reads two things.
  void choose_manner(std::size_t place);
  void scribble();
  /// For those who want to write a particular word.
  [[nodiscard]] std::uint64_t any_value(std::uint64_t present);

 private:
  enum class Manner : std::uint8_t { words, one_word, in_turn, around, anywhere, flicker };
  [[nodiscard]] std::size_t next_offset();

  std::span<std::byte> memory_;
  std::vector<std::size_t> words_;
  std::vector<std::uint64_t> values_;
  Random& random_;
  Manner manner_ = Manner::anywhere;
  std::size_t place_ = 0;
  std::size_t turn_ = 0;
};

}  // namespace ginnel::hostile
