#include "ginnel/sys/resource_use.hpp"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace ginnel {
namespace {

std::chrono::nanoseconds span_of(const timeval& time) {
  return std::chrono::seconds{time.tv_sec} + std::chrono::microseconds{time.tv_usec};
}

ResourceUse use_of(int who) noexcept {
  rusage used{};
  ::getrusage(who, &used);
  return {.user = span_of(used.ru_utime),
          .system = span_of(used.ru_stime),
          .voluntary_switches = static_cast<std::uint64_t>(used.ru_nvcsw),
          .involuntary_switches = static_cast<std::uint64_t>(used.ru_nivcsw),
          .minor_faults = static_cast<std::uint64_t>(used.ru_minflt)};
}

}  // namespace

ResourceUse ResourceUse::since(const ResourceUse& earlier) const noexcept {
  return {.user = user - earlier.user,
          .system = system - earlier.system,
          .voluntary_switches = voluntary_switches - earlier.voluntary_switches,
          .involuntary_switches = involuntary_switches - earlier.involuntary_switches,
          .minor_faults = minor_faults - earlier.minor_faults};
}

ResourceUse own_resource_use() noexcept { return use_of(RUSAGE_SELF); }

ResourceUse children_resource_use() noexcept { return use_of(RUSAGE_CHILDREN); }

void enter_kernel() noexcept { ::syscall(SYS_getppid); }

}  // namespace ginnel
