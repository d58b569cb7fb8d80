#pragma once

#include <string>

// Numbers for the eye: three figures and a unit.

namespace ginnel::cli::bench {

/// `182 ns`, `5.31 µs`, `1.20 ms`.
[[nodiscard]] std::string duration_text(double ns);
/// `187M`, `6.40M`, `390k`, `12`.
[[nodiscard]] std::string count_text(double count);
/// Bytes a second in powers of ten: `11.2 GB/s`.
[[nodiscard]] std::string speed_text(double bytes_per_second);
/// `1.56`, `23.4`, `310`; `-` for 0, which stands for unknown.
[[nodiscard]] std::string ratio_text(double ratio);
/// `±4 %`, `±0.3 %`.
[[nodiscard]] std::string spread_text(double part);

}  // namespace ginnel::cli::bench
