#pragma once

#include <cstdint>
#include <string>
#include <vector>

// What else goes on on the machine while it is measured.

namespace ginnel::measure {

/// Of all processors since the boot, in clock ticks. Source: proc(5), /proc/stat.
struct ProcessorTimes {
  std::uint64_t busy = 0;    ///< in programs and in the kernel
  std::uint64_t idle = 0;    ///< also waiting for a disk
  std::uint64_t stolen = 0;  ///< wanted by this machine, and given to others by its hypervisor
  [[nodiscard]] std::uint64_t all() const noexcept { return busy + idle + stolen; }
};
/// From the first line of /proc/stat; all zero where it is no such line.
[[nodiscard]] ProcessorTimes parse_processor_times(const std::string& line);

struct Noise {
  double stolen = 0;            ///< part of all processors' time, 0 to 1
  double others = 0;            ///< the same: used by processes other than the measurement's own
  std::string governor;         ///< of the processors' frequency; empty where none is told
  double frequency_change = 0;  ///< the largest of a processor between begin and end, as a part; 0 where none is told
  /// What a reader should know before believing the figures, in words; empty on a quiet machine.
  [[nodiscard]] std::vector<std::string> warnings() const;
};

/// Looks at the machine when it is made, and again at the end.
class NoiseWatch {
 public:
  NoiseWatch();
  [[nodiscard]] Noise so_far() const;

 private:
  ProcessorTimes begun_;
  std::uint64_t own_begun_ns_ = 0;
  std::vector<double> frequencies_;
};

}  // namespace ginnel::measure
