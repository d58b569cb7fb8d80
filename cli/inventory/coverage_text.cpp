#include "inventory/coverage_text.hpp"

#include <fmt/core.h>

#include <map>

namespace ginnel::cli {

std::string coverage_text(const inventory::Coverage& coverage) {
  std::string text;
  if (!coverage.unreadable.empty())
    text += fmt::format("not seen: {} of {} processes {} not readable\n", coverage.unreadable.size(),
                        coverage.processes, coverage.unreadable.size() == 1 ? "is" : "are");
  if (coverage.processes_hidden) text += "not seen: other users' processes, since /proc is mounted with hidepid\n";
  std::map<std::pair<std::string_view, std::string_view>, std::size_t> unvisited;
  for (const inventory::NamespaceInfo& space : coverage.namespaces)
    if (!space.visited) ++unvisited[{to_string(space.kind), space.reason}];
  for (const auto& [what, count] : unvisited)
    text += fmt::format("not seen: {} {} namespace{}: {}\n", count, what.first, count == 1 ? "" : "s", what.second);
  if (coverage.in_flight > 0)
    text += coverage.in_flight == 1
                ? "not seen: what a descriptor is that waits in a socket to be received\n"
                : fmt::format("not seen: what {} descriptors are that wait in sockets to be received\n",
                              coverage.in_flight);
  for (const std::string& note : coverage.notes) text += note + "\n";
  return text;
}

}  // namespace ginnel::cli
