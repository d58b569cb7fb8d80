#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "ginnel/core/result.hpp"

// What every mechanism is to the measurements: a carrier, which takes messages from one process to another and back. It is made before
// fork(2); then each of the two processes says which side it is. A mechanism is brought in by a class that satisfies MessageEnds and a
// CarrierKind that tells its name and its limits; the loops that measure are compiled for each (carrier_loops.hpp), so that no call
// through a pointer stands between a message and the clock.

namespace ginnel::measure {

/// How the two sides wait for each other.
enum class Manner : std::uint8_t {
  sleeping,  ///< in the kernel
  adaptive,  ///< spins while that pays, then sleeps (messaging of ginnel's own)
  polling,   ///< asks again and again
};
[[nodiscard]] std::string_view to_string(Manner manner) noexcept;
[[nodiscard]] std::optional<Manner> parse_manner(std::string_view text) noexcept;

enum class Side : std::uint8_t { first, second };
[[nodiscard]] constexpr Side other(Side side) noexcept { return side == Side::first ? Side::second : Side::first; }

struct CarrierSetup {
  std::size_t size = 64;  ///< bytes of each message
  Manner manner = Manner::sleeping;
  std::string home{};           ///< a directory of this measurement's own, for what needs a name
  std::uint32_t receivers = 1;  ///< of each message, for carriers that fan out
};

/// The first four bytes of each message are its number.
using Number = std::uint32_t;
inline constexpr Number stop_number = 0xffff'ffff;       ///< the last message of all
inline constexpr Number warm_up_bit = Number{1} << 31U;  ///< set in those that are not counted

inline void put_number(std::span<std::byte> message, Number number) noexcept {
  std::memcpy(message.data(), &number, sizeof number);
}
[[nodiscard]] inline Number number_of(std::span<const std::byte> message) noexcept {
  Number number = 0;
  std::memcpy(&number, message.data(), sizeof number);
  return number;
}

/// What a class has to have to be measured. `prepare` makes what the other side looks for, `open` finds what the other side has
/// prepared; each is called in its own process, and `open` only after both have prepared. `send` and `receive` are false when they
/// failed, and `failure` says why. A message in place: only its first four bytes are written and read.
template <class Ends>
concept MessageEnds = requires(Ends& ends, Side side, std::span<std::byte> message, const CarrierSetup& setup) {
  { Ends::make(setup) } -> std::same_as<Result<std::unique_ptr<Ends>>>;
  { ends.prepare(side) } -> std::same_as<Result<void>>;
  { ends.open(side) } -> std::same_as<Result<void>>;
  { ends.send(message) } -> std::same_as<bool>;
  { ends.receive(message) } -> std::same_as<bool>;
  { ends.failure() } -> std::same_as<Error>;
};

/// Keeps why something failed, so that the calls in between answer yes or no.
class KeepsFailure {
 public:
  [[nodiscard]] Error failure() const { return failure_.value_or(Error{0, "nothing failed"}); }

 protected:
  bool fail(Error error) {
    failure_ = std::move(error);
    return false;
  }

 private:
  std::optional<Error> failure_;
};

struct Job;
struct Board;

/// A carrier whose kind is not known: what a measurement needs of it.
class Carrier {
 public:
  Carrier() = default;
  Carrier(const Carrier&) = delete;
  Carrier& operator=(const Carrier&) = delete;
  virtual ~Carrier() = default;
  [[nodiscard]] virtual Result<void> prepare(Side side) = 0;
  [[nodiscard]] virtual Result<void> open(Side side) = 0;
  /// The part of that side, from the first message to the last; what came out stands on the board.
  [[nodiscard]] virtual Result<void> work(Side side, const Job& job, Board& board) = 0;
};

/// Which manners a carrier has.
struct Manners {
  bool sleeping = true;
  bool adaptive = false;
  bool polling = true;
  [[nodiscard]] bool has(Manner manner) const noexcept {
    return manner == Manner::sleeping ? sleeping : manner == Manner::adaptive ? adaptive : polling;
  }
};

struct CarrierKind {
  std::string_view name;       ///< `pipe`, `topic, in place`
  std::string_view mechanism;  ///< the row of the knowledge that it belongs to
  std::size_t smallest = 4;    ///< bytes of a message
  std::size_t largest = 0;     ///< 0: whatever fits into memory
  bool in_place = false;       ///< messages are not copied
  bool one_way = true;         ///< false: knows questions and answers only
  bool loses = false;          ///< who is slow misses messages
  Manners manners{};
  std::function<Result<std::unique_ptr<Carrier>>(const CarrierSetup&)> make{};
};

/// Every carrier of ginnel's own mechanisms, with the limits that this machine has set for them.
[[nodiscard]] std::span<const CarrierKind> all_carriers();

}  // namespace ginnel::measure
