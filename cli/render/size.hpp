#pragma once

#include <cstdint>
#include <string>

namespace ginnel::cli {

/// Bytes for the eye, in powers of 1024: `812`, `4.5K`, `64K`, `23.5G`.
[[nodiscard]] std::string short_size(std::uint64_t bytes);

}  // namespace ginnel::cli
