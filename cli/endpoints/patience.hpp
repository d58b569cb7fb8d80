#pragma once

#include <string_view>
#include <utility>

#include "ginnel/core/address.hpp"
#include "ginnel/core/deadline.hpp"
#include "ginnel/core/outcome.hpp"
#include "ginnel/core/result.hpp"

namespace ginnel::cli {

/// How long a client waits for its server to appear. `receiver & sender` in a shell starts both at once, so a sender that
/// finds no socket, or one that nobody listens on, looks again: for one second, or as long as --timeout says; with
/// --nonblock not at all.
class Patience {
 public:
  Patience(const Address& address, Deadline asked)
      : address_{address}, asked_for_{!asked.is_never() && !asked.is_immediate()}, until_{limit_of(asked)} {}
  /// After a refusal: sleeps a little and says whether to try again.
  [[nodiscard]] bool may_retry(const Error& refusal);
  /// Whether the end of it is the user's own --timeout.
  [[nodiscard]] bool was_asked_for() const noexcept { return asked_for_; }

  static constexpr std::string_view hint =
      "nobody listens there: start the receiving side first, or wait for it with --timeout";
  /// Whether it says that nobody is there, and not that something else is.
  [[nodiscard]] static bool is_absence(const Error& refusal, const Address& address) noexcept;

 private:
  [[nodiscard]] static Deadline limit_of(Deadline asked) noexcept;
  const Address& address_;
  bool asked_for_;
  Deadline until_;
};

/// To the socket of that address. `connect` is called with the deadline and gives a Result<Outcome<Socket, TimedOut>>.
template <class Connect>
auto connect_patiently(const Address& address, Deadline asked, Connect connect) -> decltype(connect(asked)) {
  Patience patience{address, asked};
  for (;;) {
    auto connected = connect(asked);
    if (connected || !Patience::is_absence(connected.error(), address)) return connected;
    if (patience.may_retry(connected.error())) continue;
    if (patience.was_asked_for()) return TimedOut{};
    return std::unexpected{Error{connected.error()}.with_hint(Patience::hint)};
  }
}

}  // namespace ginnel::cli
