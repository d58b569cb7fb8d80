#pragma once

#include <string>
#include <vector>

#include "choose/costs.hpp"
#include "ginnel/measure/choice.hpp"
#include "render/json.hpp"
#include "render/screen.hpp"

namespace ginnel::cli::choose {

/// The ranking, and of the best what to handle, how to clean up, and lines to start with.
[[nodiscard]] std::string answer_text(const std::vector<measure::Candidate>& ranking, const StoredCosts& stored,
                                      const Screen& screen);
/// The same facts, of all mechanisms.
[[nodiscard]] Json answer_json(const std::vector<measure::Candidate>& ranking, const StoredCosts& stored);

/// The whole of what is known, a row for each mechanism.
[[nodiscard]] std::string knowledge_text(const Screen& screen);
[[nodiscard]] std::string knowledge_markdown();
[[nodiscard]] Json knowledge_json();

}  // namespace ginnel::cli::choose
