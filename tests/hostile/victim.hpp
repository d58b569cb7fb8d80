#pragma once

#include <sys/types.h>

#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "ginnel/core/result.hpp"
#include "hostile/ledger.hpp"

// Who is attacked, and by whom. A trial has three processes: the victim, which has links to both others; a hostile peer, which writes whatever it
// can write; and an honest one, whose messages have to come through.

namespace ginnel::hostile {

struct Scene {
  Ledger& ledger;
  std::string home;    ///< an empty folder, of the trial alone
  pid_t attacker = 0;  ///< known to the victim
  [[nodiscard]] std::string path(const char* name) const { return home + "/" + name; }
  [[nodiscard]] bool is_over() const { return ledger.is_ending.load(std::memory_order_relaxed); }
};

struct Victim {
  std::string_view name;
  void (*suffer)(const Scene& scene, Random random);  ///< until it is over
  void (*attack)(const Scene& scene, Random random);  ///< for ever: it is killed
  void (*befriend)(const Scene& scene);               ///< the same; null: there is no honest peer
};

[[nodiscard]] std::span<const Victim> channel_victims();
[[nodiscard]] std::span<const Victim> service_victims();
[[nodiscard]] std::span<const Victim> topic_victims();

template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error{result.error().message()};
  return std::move(*result);
}

/// The deadlines that a victim has: none to wait, hardly any, and one over which it sleeps.
[[nodiscard]] inline Deadline any_deadline(Random& random) {
  using namespace std::chrono_literals;
  switch (random.below(8)) {
    case 0:
      return Deadline::after(random.one_in(4) ? 20ms : 2ms);
    case 1:
    case 2:
      return Deadline::after(1ms);
    case 3:
    case 4:
      return Deadline::after(20us);
    default:
      return Deadline::immediately();
  }
}

}  // namespace ginnel::hostile
