#include "last_use.hpp"

#include <algorithm>
#include <array>

#include "words.hpp"

namespace ginnel::inventory {

Fact<Time> last_use(const Object& object) {
  constexpr std::array<std::string_view, 5> times_of_use{"atime", "dtime", "otime", "stime", "rtime"};
  Fact<Time> latest = object.changed;
  for (const std::string_view key : times_of_use) {
    const Detail* detail = object.detail(key);
    const std::int64_t seconds = detail == nullptr ? 0 : to_number<std::int64_t>(detail->value).value_or(0);
    if (seconds == 0) continue;  // never
    const Time used{std::chrono::seconds{seconds}};
    if (!latest || *latest < used) latest = used;
  }
  return latest;
}

}  // namespace ginnel::inventory
