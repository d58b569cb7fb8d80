#pragma once

#include <span>
#include <string>

#include "ginnel/measure/choice.hpp"

namespace ginnel::measure {

/// What a need asks of a mechanism. The needs and the claims meet here and nowhere else.
struct Rule {
  bool (*is_needed)(const Needs&);
  bool (*is_met)(const Needs&, const Mechanism&);
  std::string (*what_is_missing)(const Needs&, const Mechanism&);
  std::string_view (*source)(const Mechanism&);
};
[[nodiscard]] std::span<const Rule> rules() noexcept;

}  // namespace ginnel::measure
