#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "render/json.hpp"
#include "render/screen.hpp"
#include "tour/guide.hpp"

// How the tour is told: a table for people, JSON for programs.

namespace ginnel::cli::tour {

[[nodiscard]] std::string render_table(const std::vector<Findings>& tour, const Screen& screen);
/// `25 mechanisms, all as promised`, or which are not and why.
[[nodiscard]] std::string render_summary(const std::vector<Findings>& tour, const Screen& screen);
/// {ok, mechanisms: [{mechanism, guarantees, round_trip_ns, at_peer_death, ok, failure}]}; round_trip_ns and failure may be null.
[[nodiscard]] Json to_json(const std::vector<Findings>& tour);

/// Three digits at most, with a unit: `412 ns`, `5.2 µs`, `1.9 ms`.
[[nodiscard]] std::string short_duration(std::uint64_t ns);

}  // namespace ginnel::cli::tour
