#include "ginnel/measure/placement.hpp"

#include <cerrno>
#include <optional>
#include <utility>

#include "ginnel/sys/processors.hpp"

namespace ginnel::measure {
namespace {

/// The first pair that a relation holds for.
template <class Relation>
std::optional<std::pair<int, int>> find_pair(const std::vector<Processor>& processors, Relation related) {
  for (std::size_t i = 0; i < processors.size(); ++i)
    for (std::size_t j = i + 1; j < processors.size(); ++j)
      if (related(processors[i], processors[j])) return std::pair{processors[i].number, processors[j].number};
  return std::nullopt;
}

}  // namespace

Result<std::vector<Placement>> placements() {
  const auto allowed = allowed_processors();
  if (!allowed) return std::unexpected{allowed.error()};
  if (allowed->empty()) return std::unexpected{Error{EINVAL, "sched_getaffinity", {}, "no processor is allowed"}};
  std::vector<Placement> found;
  const auto add = [&](const char* name, std::optional<std::pair<int, int>> pair) {
    if (pair) found.push_back({.name = name, .first = pair->first, .second = pair->second});
  };
  add("two cores", find_pair(*allowed, [](const Processor& a, const Processor& b) {
        return a.package == b.package && a.core != b.core;
      }));
  add("one core", find_pair(*allowed, [](const Processor& a, const Processor& b) {
        return a.package == b.package && a.core == b.core;
      }));
  add("two packages",
      find_pair(*allowed, [](const Processor& a, const Processor& b) { return a.package != b.package; }));
  add("one processor", std::pair{allowed->front().number, allowed->front().number});
  return found;
}

}  // namespace ginnel::measure
