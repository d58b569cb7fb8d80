#include <bit>

#include "ginnel/sys/signal.hpp"
#include "scene.hpp"

namespace ginnel::inventory {
namespace {

std::string names_of(std::uint64_t set) {
  std::string names;
  for (int number = 1; number <= 64; ++number)
    if ((set >> static_cast<unsigned>(number - 1) & 1U) != 0) names += (names.empty() ? "" : " ") + signal_name(number);
  return names;
}

std::uint64_t count_of(std::uint64_t set) { return static_cast<std::uint64_t>(std::popcount(set)); }

}  // namespace

void collect_signals(Scene& scene) {
  if (!scene.wants(Kind::signal)) return;
  for (const auto& [pid, status] : scene.census.signals) {
    const ProcessInfo* process = scene.snapshot.process(pid);
    if (process == nullptr) continue;
    Object& object = scene.objects.at({.kind = Kind::signal,
                                       .space = 0,
                                       .device = 0,
                                       .number = static_cast<std::uint64_t>(pid),
                                       .generation = process->start_ticks});
    object.name = "signal:" + std::to_string(pid);
    object.owner = process->user;
    object.group = object.mode = Fact<std::uint32_t>::missing("it has none");
    object.changed = Fact<Time>::missing("the kernel keeps no times of a signal");
    object.creator = Fact<Creator>::missing("who sent it is told to the receiver only");
    object.fill = Fill{.used = count_of(status.pending),
                       .capacity = status.queued_limit ? Fact<std::uint64_t>{*status.queued_limit}
                                                       : Fact<std::uint64_t>::missing("not told by this kernel"),
                       .unit = Unit::signals,
                       .writer_blocks = false};
    object.details.push_back({"pending", names_of(status.pending)});
    object.details.push_back({"blocked", names_of(status.blocked)});
    if (status.queued) object.details.push_back({"queued-for-user", std::to_string(*status.queued)});
    object.holders.push_back({.pid = pid, .tid = pid, .fd = -1, .how = How::owner, .access = Access::none});
  }
}

}  // namespace ginnel::inventory
