#include "ginnel/measure/noise.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <fstream>
#include <sstream>

#include "ginnel/sys/processors.hpp"
#include "ginnel/sys/resource_use.hpp"

namespace ginnel::measure {
namespace {

constexpr double ticks_per_second = 100;  ///< USER_HZ, which is 100 in all that Linux shows to programs

std::string first_line(const std::string& path) {
  std::ifstream file{path};
  std::string line;
  std::getline(file, line);
  return line;
}

std::uint64_t own_ns() {
  const ResourceUse own = own_resource_use();
  const ResourceUse children = children_resource_use();
  return static_cast<std::uint64_t>((own.user + own.system + children.user + children.system).count());
}

std::string frequency_file(int processor, const char* what) {
  return "/sys/devices/system/cpu/cpu" + std::to_string(processor) + "/cpufreq/" + what;
}

/// In kHz, of each processor that tells one.
std::vector<double> frequencies() {
  std::vector<double> all;
  const auto allowed = allowed_processors();
  if (!allowed) return all;
  for (const Processor& processor : *allowed) {
    double kilohertz = 0;
    std::ifstream file{frequency_file(processor.number, "scaling_cur_freq")};
    if (file >> kilohertz) all.push_back(kilohertz);
  }
  return all;
}

std::string percent(double part) {
  std::ostringstream text;
  text.precision(1);
  text << std::fixed << part * 100 << " %";
  return text.str();
}

}  // namespace

ProcessorTimes parse_processor_times(const std::string& line) {
  std::istringstream words{line};
  std::string name;
  std::uint64_t user = 0;
  std::uint64_t nice = 0;
  std::uint64_t system = 0;
  std::uint64_t idle = 0;
  std::uint64_t disk = 0;
  std::uint64_t interrupts = 0;
  std::uint64_t soft_interrupts = 0;
  if (!(words >> name >> user >> nice >> system >> idle >> disk >> interrupts >> soft_interrupts) || name != "cpu")
    return {};
  std::uint64_t stolen = 0;
  words >> stolen;  // not told before Linux 2.6.11
  return {.busy = user + nice + system + interrupts + soft_interrupts, .idle = idle + disk, .stolen = stolen};
}

std::vector<std::string> Noise::warnings() const {
  std::vector<std::string> told;
  if (stolen > 0.01)
    told.push_back(percent(stolen) + " of the processors' time went to other machines of this host (steal)");
  if (others > 0.05) told.push_back(percent(others) + " of the processors' time went to other processes");
  if (!governor.empty() && governor != "performance")
    told.push_back("the processors' frequency follows the load (governor " + governor +
                   "): latencies of sleeping sides contain the way back to full speed");
  if (frequency_change > 0.1) told.push_back("a processor's frequency changed by " + percent(frequency_change));
  return told;
}

NoiseWatch::NoiseWatch()
    : begun_{parse_processor_times(first_line("/proc/stat"))}, own_begun_ns_{own_ns()}, frequencies_{frequencies()} {}

Noise NoiseWatch::so_far() const {
  const ProcessorTimes now = parse_processor_times(first_line("/proc/stat"));
  const auto all = static_cast<double>(now.all() - begun_.all());
  Noise noise;
  noise.governor = first_line(frequency_file(0, "scaling_governor"));
  const std::vector<double> frequencies_now = frequencies();
  for (std::size_t i = 0; i < std::min(frequencies_.size(), frequencies_now.size()); ++i)
    noise.frequency_change =
        std::max(noise.frequency_change, std::abs(frequencies_now[i] - frequencies_[i]) / frequencies_[i]);
  if (all <= 0) return noise;
  const double own_ticks = static_cast<double>(own_ns() - own_begun_ns_) * ticks_per_second / 1e9;
  noise.stolen = static_cast<double>(now.stolen - begun_.stolen) / all;
  noise.others = std::max(0.0, (static_cast<double>(now.busy - begun_.busy) - own_ticks) / all);
  return noise;
}

}  // namespace ginnel::measure
