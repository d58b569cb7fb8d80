#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>

// What is known of each mechanism: a table of mechanism and property in which each entry names its source. The table is data
// (src/measure/knowledge.cpp); what follows from it is in choice.hpp. tests/conformance/claims_test.cpp holds it against what the
// mechanisms do.

namespace ginnel::measure {

/// What is said of a mechanism, and where it is written: a man page, or a page of this project.
template <class T>
struct Claim {
  T is{};
  std::string_view source;
};

/// What two processes want of each other.
enum class Purpose : std::uint16_t {
  bytes = 1,     ///< a stream, without boundaries
  messages = 2,  ///< each whole or not at all
  value = 4,     ///< the newest one; those before do not matter
  jobs = 8,      ///< each is done by one of many
  calls = 16,    ///< questions, each with its answer
  event = 32,    ///< that something has happened
  lock = 64,     ///< only one at a time, or only readers
  count = 128,   ///< so many at a time
  memory = 256,  ///< data that lie where both see them
};
class Purposes {
 public:
  constexpr Purposes() noexcept = default;
  constexpr Purposes(std::initializer_list<Purpose> all) noexcept {
    for (const Purpose purpose : all) bits_ |= static_cast<std::uint16_t>(purpose);
  }
  [[nodiscard]] constexpr bool has(Purpose purpose) const noexcept {
    return (bits_ & static_cast<std::uint16_t>(purpose)) != 0;
  }

 private:
  std::uint16_t bits_ = 0;
};
inline constexpr Purpose all_purposes[] = {Purpose::bytes, Purpose::messages, Purpose::value,
                                           Purpose::jobs,  Purpose::calls,    Purpose::event,
                                           Purpose::lock,  Purpose::count,    Purpose::memory};

/// Who receives what was sent once.
enum class Receivers : std::uint8_t {
  one,            ///< there is one receiver
  each_gets_one,  ///< of many, one gets it
  each_gets_all,  ///< all get it
};
/// The least trustworthy peer that the mechanism can face, each including those before.
enum class Trust : std::uint8_t {
  same_user,   ///< one that may also spoil what is shared
  other_user,  ///< whom its modes admit, and who cannot spoil more than its own part
  container,   ///< with namespaces of its own: reached over a shared path or an inherited descriptor
  hostile,     ///< one that does all it can
};
enum class Order : std::uint8_t { none, of_each_sender, by_priority };
enum class OnFull : std::uint8_t {
  waits,   ///< the sender
  loses,   ///< the receiver, old messages
  either,  ///< as is chosen
  never,   ///< nothing is kept that could be full
};
enum class Outlives : std::uint8_t {
  nobody,  ///< it ends with its last user
  users,   ///< it stays, with what is in it, until it is removed or the machine goes down
};
enum class Portability : std::uint8_t { posix, linux_only };

struct Mechanism {
  std::string_view name;     ///< `unix-seqpacket`
  std::string_view address;  ///< how it is named to the command; empty: it has no name
  std::string_view what;     ///< one line

  Claim<Purposes> purposes;
  Claim<bool> unrelated;     ///< processes that have no ancestor in common, and no connection yet, can find each other
  Claim<bool> many_senders;  ///< at the same time, without a connection for each
  Claim<Receivers> receivers;
  Claim<bool> boundaries;  ///< what was sent in one piece is received in one piece
  Claim<bool> both_ways;   ///< one object carries questions and answers
  Claim<Order> order;
  Claim<std::uint64_t> largest;  ///< bytes of one message, by default; 0: no limit of its own
  Claim<Trust> trust;
  Claim<bool> descriptors;  ///< can be passed along
  Claim<bool> priorities;
  Claim<bool> pollable;  ///< has a descriptor for epoll
  Claim<OnFull> on_full;
  Claim<Outlives> outlives;
  Claim<Portability> portability;
  Claim<bool> tells_sender;    ///< that the last receiver has died
  Claim<bool> tells_receiver;  ///< that the last sender has died
  Claim<bool> survives;        ///< whoever dies, at whatever instruction, the others can go on
  Claim<bool> redelivers;      ///< what a dead receiver had taken is given to another
  Claim<bool> credentials;     ///< the kernel says who the peer is
  Claim<bool> in_place;        ///< data are read where they were written; of a lock: it lies beside the data

  /// What one has to do oneself before it works well: 1 (nothing) to 5 (a protocol for shared memory).
  Claim<int> effort;
  std::string_view carrier;  ///< whose figures are its cost (CarrierKind::name); empty: none carries data
  std::string_view risks;    ///< what to handle
  std::string_view clean_up;
};

/// All of them. The order is that of the books: from the simple to the special.
[[nodiscard]] std::span<const Mechanism> knowledge() noexcept;
/// Null where there is none of that name.
[[nodiscard]] const Mechanism* find_mechanism(std::string_view name) noexcept;

[[nodiscard]] std::string_view to_string(Purpose purpose) noexcept;
[[nodiscard]] std::string_view to_string(Receivers receivers) noexcept;
[[nodiscard]] std::string_view to_string(Trust trust) noexcept;
[[nodiscard]] std::string_view to_string(Order order) noexcept;
[[nodiscard]] std::string_view to_string(OnFull on_full) noexcept;
[[nodiscard]] std::string_view to_string(Outlives outlives) noexcept;
[[nodiscard]] std::string_view to_string(Portability portability) noexcept;

}  // namespace ginnel::measure
