#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "ginnel/core/deadline.hpp"
#include "ginnel/core/outcome.hpp"
#include "ginnel/core/process_id.hpp"
#include "ginnel/core/result.hpp"
#include "ginnel/sys/pipe.hpp"
#include "ginnel/sys/sysv_queue.hpp"
#include "tour/judge.hpp"
#include "tour/names.hpp"

// What a stop of the tour is written with. A stop runs in a process of its own, makes the mechanism, starts a partner process at
// its other end, and says what it has seen to be true. Whatever is refused or untrue is thrown as Broken and ends the stop.

namespace ginnel::cli::tour {

/// Why a stop could not go on.
struct Broken {
  std::string why;
};

/// Long enough for a busy machine; the guide ends a stop that hangs for longer.
[[nodiscard]] Deadline patience();
/// For what is expected not to happen.
[[nodiscard]] Deadline a_moment();

/// An outcome in words.
template <class T>
[[nodiscard]] std::string_view words_for() {
  if constexpr (std::is_same_v<T, TimedOut>) return "no news until the deadline";
  if constexpr (std::is_same_v<T, EndOfStream>) return "the end of the stream";
  if constexpr (std::is_same_v<T, PeerGone>) return "that the peer has gone";
  if constexpr (std::is_same_v<T, Removed>) return "that it was removed";
  return "a normal outcome";
}
template <class... Ts>
[[nodiscard]] std::string_view words_for(const Outcome<Ts...>& outcome) {
  return std::visit([]<class T>(const T&) { return words_for<T>(); }, outcome.variant());
}

/// The value, or Broken with the kernel's refusal.
template <class T>
T must(Result<T> result) {
  if (!result) throw Broken{result.error().message()};
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}
/// The alternative `T` of what came out, or Broken with what came out instead.
template <class T, class... Ts>
T must_be(Result<Outcome<Ts...>> result) {
  auto outcome = must(std::move(result));
  if (!outcome.template is<T>())
    throw Broken{Untrue{std::string{words_for<T>()}, std::string{words_for(outcome)}}.to_string()};
  return std::move(outcome).template as<T>();
}
/// Whether `T` is what came out.
template <class T, class... Ts>
[[nodiscard]] Verdict judge_is(const Result<Outcome<Ts...>>& result) {
  if (!result) return Untrue{std::string{words_for<T>()}, result.error().message()};
  return judge_outcome(words_for<T>(), result->template is<T>(), words_for(*result));
}

/// What a stop tells the guide, and the names that it may use.
class Visit {
 public:
  Visit(const Names& names, std::chrono::nanoseconds timing_budget, int report) noexcept;

  [[nodiscard]] const Names& names() const noexcept { return names_; }

  /// States what has just been seen to be true; Broken if it is not.
  void guarantee(std::string_view fact, const Verdict& verdict);
  /// The same, about what the survivor is told when its peer is killed.
  void at_peer_death(std::string_view told, const Verdict& verdict);
  /// Times calls of `ping`, each one way there and back, and states the median.
  void time_round_trips(const std::function<void()>& ping);

 private:
  friend class Partner;
  const Names& names_;
  std::chrono::nanoseconds timing_budget_;
  int report_;
};

/// In the partner: tells the stop that it is ready, and hears when it may go on.
class Line {
 public:
  Line(int report, int release) noexcept : report_{report}, release_{release} {}
  void ready() const;
  void wait_for_release() const;
  [[noreturn]] void stay() const;

 private:
  int report_;
  int release_;
};

/// The other process of a stop. Killed at destruction, and with the stop.
class [[nodiscard]] Partner {
 public:
  /// Forks; the child runs `body`, with copies of all that the stop has made so far, and ends without running its destructors.
  Partner(const Visit& visit, const std::function<void(Line&)>& body);
  Partner(const Partner&) = delete;
  Partner& operator=(const Partner&) = delete;
  ~Partner();

  void wait_until_ready();
  void release();
  /// Waits until it has come to the end of its body.
  void finish();
  /// SIGKILL, and gone when this returns.
  void kill();
  [[nodiscard]] const Process& process() const noexcept { return process_; }

 private:
  Partner(int broken_report, const std::function<void(Line&)>& body, Pipe reports, Pipe releases);
  UniqueFd reports_;
  UniqueFd release_;
  Process process_;
  bool collected_ = false;
};

/// Tells the guide, from any process of the stop, why it is broken; one line, in one write.
void report_broken(int report, std::string_view why) noexcept;
void report_done(int report) noexcept;

}  // namespace ginnel::cli::tour
