#include "limits_parts.hpp"
#include "limits_text.hpp"

namespace ginnel::inventory {
namespace {

constexpr std::string_view inotify_target = "anon_inode:inotify";

DescriptorCount count_in(const Directory& folder, pid_t pid, bool looks_for_inotify) {
  DescriptorCount count{.pid = pid};
  auto table = folder.open_below("fd");
  if (!table) return count;
  std::string text;
  static_cast<void>(table->for_each([&](const char* name, FileType) {
    ++count.open;
    if (!looks_for_inotify || !table->read_link(name, text) || text != inotify_target) return true;
    ++count.inotify_instances;
    const std::string info = std::string{"fdinfo/"} + name;
    if (folder.read_file(info.c_str(), text)) count.inotify_watches += count_inotify_watches(text);
    return true;
  }));
  return count;
}

}  // namespace

Result<std::vector<DescriptorCount>> count_descriptors(const Snapshot& snapshot, const Fact<std::uint32_t>& user) {
  const auto proc = Directory::open("/proc");
  if (!proc) return std::unexpected{proc.error()};
  std::vector<DescriptorCount> counts;
  for (const ProcessInfo& process : snapshot.processes) {
    if (process.kernel_thread || !process.descriptors_readable) continue;
    const auto folder = proc->open_below(std::to_string(process.pid).c_str());
    if (folder) counts.push_back(count_in(*folder, process.pid, user && process.user == user));
  }
  return counts;
}

}  // namespace ginnel::inventory
