#include "ginnel/sys/processors.hpp"

#include <sched.h>

#include <cerrno>
#include <fstream>
#include <memory>
#include <string>

namespace ginnel {
namespace {

constexpr int processors_max = 8192;

struct FreeSet {
  void operator()(cpu_set_t* set) const noexcept { CPU_FREE(set); }
};
using ProcessorSet = std::unique_ptr<cpu_set_t, FreeSet>;

int topology(int processor, const char* what, int otherwise) {
  const std::string folder = "/sys/devices/system/cpu/cpu" + std::to_string(processor) + "/topology/";
  int number = otherwise;
  std::ifstream file{folder + what};
  if (!(file >> number) || number < 0) return otherwise;
  return number;
}

}  // namespace

Result<std::vector<Processor>> allowed_processors() {
  const ProcessorSet set{CPU_ALLOC(processors_max)};
  const std::size_t bytes = CPU_ALLOC_SIZE(processors_max);
  if (!set || ::sched_getaffinity(0, bytes, set.get()) < 0) return std::unexpected{Error::last("sched_getaffinity")};
  std::vector<Processor> allowed;
  for (int number = 0; number < processors_max; ++number)
    if (CPU_ISSET_S(static_cast<std::size_t>(number), bytes, set.get()))
      allowed.push_back({.number = number,
                         .core = topology(number, "core_id", number),
                         .package = topology(number, "physical_package_id", 0)});
  return allowed;
}

Result<void> pin_to_processor(int number) {
  const std::string name = "processor " + std::to_string(number);
  if (number < 0 || number >= processors_max) return std::unexpected{Error{EINVAL, "sched_setaffinity", name}};
  const ProcessorSet set{CPU_ALLOC(processors_max)};
  const std::size_t bytes = CPU_ALLOC_SIZE(processors_max);
  if (!set) return std::unexpected{Error::last("sched_setaffinity", name)};
  CPU_ZERO_S(bytes, set.get());
  CPU_SET_S(static_cast<std::size_t>(number), bytes, set.get());
  if (::sched_setaffinity(0, bytes, set.get()) < 0) return std::unexpected{Error::last("sched_setaffinity", name)};
  return {};
}

}  // namespace ginnel
