#include "census.hpp"

#include <algorithm>
#include <charconv>

#include "hidden_networks.hpp"
#include "process_reader.hpp"
#include "words.hpp"

namespace ginnel::inventory {
namespace {

std::unordered_set<std::uint64_t> inodes_of(std::string_view locks) {
  std::unordered_set<std::uint64_t> inodes;
  while (!locks.empty())
    if (const auto lock = parse_lock_line(take_line(locks))) inodes.insert(lock->inode);
  return inodes;
}

}  // namespace

Result<Census> take_census(const ScanOptions& options, const Landmarks& landmarks, Spaces& spaces) {
  auto proc = Directory::open("/proc");
  if (!proc) return std::unexpected{std::move(proc.error()).with_hint("is /proc mounted?")};
  Census census;
  static_cast<void>(proc->read_file("locks", census.locks));
  const auto locked_inodes = inodes_of(census.locks);

  ProcessReader reader{options, landmarks, spaces, locked_inodes, census};
  reader.visit_own_spaces(*proc);
  std::optional<Error> out_of_means;
  const auto listed = proc->for_each([&](const char* name, FileType) {
    const auto pid = to_number<pid_t>(name);
    if (!pid) return true;
    auto read = reader.read(*proc, *pid);
    if (!read) out_of_means = read.error();
    return !out_of_means;
  });
  if (!listed) return std::unexpected{listed.error()};
  reader.look_into_pipes();
  if (out_of_means) return std::unexpected{*out_of_means};
  visit_hidden_networks(census, spaces);
  std::ranges::sort(census.processes, {}, &ProcessInfo::pid);
  return census;
}

}  // namespace ginnel::inventory
