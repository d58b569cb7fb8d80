#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace ginnel::cli {

/// Keeps members in the order they were put in.
using Json = nlohmann::ordered_json;

/// Two-space indent and a final newline. Bytes that are no UTF-8 (names are any bytes to the kernel) come as U+FFFD.
[[nodiscard]] std::string to_text(const Json& json);

}  // namespace ginnel::cli
