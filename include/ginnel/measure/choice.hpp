#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ginnel/measure/carrier.hpp"
#include "ginnel/measure/carrier_loops.hpp"
#include "ginnel/measure/knowledge.hpp"

// Which mechanism fits: a pure function of what is needed, what is known and what was measured.
//
// A mechanism that lacks something that is needed does not fit. Of those that fit, one that has been measured to be too slow comes
// after those that were not; then the simplest comes first, and of equally simple ones the quickest. So speed decides only where it
// was asked for: an experienced engineer takes the simplest thing that does the job.

namespace ginnel::measure {

/// What is needed. What is left open asks for nothing.
struct Needs {
  std::optional<Purpose> purpose{};
  bool unrelated = false;  ///< the processes are not started by one another
  bool many_senders = false;
  bool both_ways = false;  ///< each side sends
  std::optional<Receivers> receivers{};
  bool order = false;
  std::uint64_t size = 0;  ///< bytes of a message; 0: small
  double rate = 0;         ///< messages a second; 0: a few
  double latency_ns = 0;   ///< one way, half of the time; 0: any
  std::optional<Manner> manner{};
  Trust trust = Trust::same_user;
  bool descriptors = false;  ///< are to be passed along
  bool priorities = false;
  bool pollable = false;
  bool credentials = false;   ///< each side has to know who the other is
  bool never_wait = false;    ///< the sender is not to be held up by a slow receiver
  bool lose_nothing = false;  ///< however slow the receiver is
  bool outlives = false;      ///< messages wait for somebody to come
  bool told_of_death = false;
  bool survives = false;    ///< whoever dies, the others go on
  bool redelivers = false;  ///< what a dead receiver had taken is done by another
  bool in_place = false;    ///< large data are not copied
  bool posix = false;
  bool other_machine = false;
};

/// A figure of a run, as far as it is needed here.
struct KnownCost {
  std::string carrier;
  Manner manner = Manner::sleeping;
  What what = What::round_trip;
  std::uint64_t size = 0;
  double value = 0;  ///< nanoseconds of a round trip; messages a second one way
};

/// What a mechanism costs near the size and the manner that are needed.
struct Cost {
  std::string carrier;
  Manner manner = Manner::sleeping;
  std::uint64_t size = 0;  ///< that was measured, the nearest there is
  std::optional<double> one_way_ns{};
  std::optional<double> rate{};  ///< messages a second
};

struct Missing {
  std::string what;         ///< `keeps no message boundaries`
  std::string_view source;  ///< of the claim
};

struct Candidate {
  const Mechanism* mechanism = nullptr;
  std::vector<Missing> missing{};  ///< empty: it fits
  std::optional<Cost> cost{};
  bool too_slow = false;  ///< by what was measured
  /// In one line, why it stands where it stands.
  std::string reason{};
  [[nodiscard]] bool fits() const noexcept { return missing.empty(); }
};

/// All mechanisms, the best first.
[[nodiscard]] std::vector<Candidate> choose(const Needs& needs, std::span<const KnownCost> costs);

/// `event`, `each_gets_all`: as they are written on the command line. nullopt: no such word.
[[nodiscard]] std::optional<Purpose> parse_purpose(std::string_view text) noexcept;
[[nodiscard]] std::optional<Receivers> parse_receivers(std::string_view text) noexcept;
[[nodiscard]] std::optional<Trust> parse_trust(std::string_view text) noexcept;

}  // namespace ginnel::measure
