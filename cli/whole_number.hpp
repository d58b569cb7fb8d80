#pragma once

#include <cstdint>
#include <string>

namespace ginnel::cli {

/// What is wrong with a text that is to be a whole number from `least` to `most`, in decimal or as 0x…; empty when nothing is.
/// The parser by itself takes what is over a type's limit for that limit.
[[nodiscard]] std::string complaint_about_number(const std::string& text, std::int64_t least, std::uint64_t most);

}  // namespace ginnel::cli
