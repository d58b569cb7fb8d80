#include "mutex_owner.hpp"

#include <algorithm>

#include "ginnel/sys/namespaces.hpp"
#include "memory_map.hpp"
#include "proc_text.hpp"
#include "words.hpp"

namespace ginnel::inventory {
namespace {

std::optional<std::uint64_t> own_pid_namespace() {
  const auto own = own_namespace_identity(NamespaceKind::pid);
  return own ? std::optional{own->inode} : std::nullopt;
}

bool has_numbers_of_its_own(const ProcessInfo& process, std::optional<std::uint64_t> own) {
  return !own || process.pid_namespace.value_or(0) != *own;
}

/// The threads of a process that may be in another pid namespace, by what they call themselves there.
void note_numbers(ThreadsByNumber& threads, pid_t pid) {
  auto tasks = Directory::open(("/proc/" + std::to_string(pid) + "/task").c_str());
  if (!tasks) return;
  std::string text;
  static_cast<void>(tasks->for_each([&](const char* name, FileType) {
    const auto tid = to_number<pid_t>(name);
    if (!tid || !tasks->read_file((std::string{name} + "/status").c_str(), text)) return true;
    threads.emplace(innermost_number(text).value_or(*tid), std::pair{pid, *tid});
    return true;
  }));
}

/// All threads that are not in the caller's pid namespace, or of which that is not told.
const ThreadsByNumber& foreign_threads(Scene& scene) {
  if (scene.foreign_threads) return *scene.foreign_threads;
  ThreadsByNumber& threads = scene.foreign_threads.emplace();
  const auto own = own_pid_namespace();
  for (const ProcessInfo& process : scene.snapshot.processes)
    if (!process.kernel_thread && has_numbers_of_its_own(process, own)) note_numbers(threads, process.pid);
  return threads;
}

/// The thread that has this number here and calls itself so.
std::optional<std::pair<pid_t, pid_t>> thread_here(const Scene& scene, pid_t number) {
  const auto of_thread = scene.census.process_of_thread.find(number);
  const pid_t pid = of_thread == scene.census.process_of_thread.end() ? number : of_thread->second;
  const ProcessInfo* process = scene.snapshot.process(pid);
  if (process == nullptr || process->kernel_thread || has_numbers_of_its_own(*process, own_pid_namespace()))
    return std::nullopt;
  return std::pair{pid, number};
}

enum class Has : std::uint8_t { no, yes, not_told };

Has has_memory(pid_t pid, const FutexWord& word) {
  const auto process = Directory::open(("/proc/" + std::to_string(pid)).c_str());
  if (!process) return Has::no;  // it has ended
  MemoryMap map;
  if (!map.open(*process)) return Has::not_told;
  bool has = false;
  const bool is_whole = map.for_each_file(
      [&](const MappingStatus& mapping) { return mapping.device == word.device && mapping.inode == word.inode; },
      [&](const MappingStatus& /*mapping*/, const std::string& /*path*/) { has = true; });
  if (has) return Has::yes;
  return is_whole ? Has::no : Has::not_told;
}

/// Nobody can be outside of what this process sees.
bool everybody_is_seen(const Snapshot& snapshot) {
  return !snapshot.coverage.processes_hidden &&
         std::ranges::none_of(snapshot.coverage.namespaces, [](const NamespaceInfo& space) {
           return space.kind == NamespaceKind::pid && !space.visited && space.member == 0;
         });
}

FoundOwner find_in_process(Scene& scene, pid_t pid, pid_t number) {
  const auto here = thread_here(scene, number);
  if (here && here->first == pid) return {.found = OwnerFound::yes, .pid = pid, .tid = number};
  const ProcessInfo* process = scene.snapshot.process(pid);
  if (process != nullptr && !has_numbers_of_its_own(*process, own_pid_namespace())) {
    // A thread that is no more, unless somebody else has the number: then it is no owner's.
    const bool is_anybodys = here || scene.snapshot.process(number) != nullptr;
    return {.found = is_anybodys ? OwnerFound::no_mutex : OwnerFound::dead};
  }
  const auto [first, last] = foreign_threads(scene).equal_range(number);
  for (auto thread = first; thread != last; ++thread)
    if (thread->second.first == pid) return {.found = OwnerFound::yes, .pid = pid, .tid = thread->second.second};
  return {.found = OwnerFound::no_mutex};
}

}  // namespace

std::optional<pid_t> innermost_number(std::string_view status) {
  const auto numbers = value_of(status, "NSpid");
  if (!numbers) return std::nullopt;
  return to_number<pid_t>(numbers->substr(numbers->find_last_of(" \t") + 1));
}

FoundOwner find_owner(Scene& scene, const BlockedThread& blocked, const FutexWord& word, pid_t number) {
  if (!word.shared) return find_in_process(scene, blocked.pid, number);
  std::vector<std::pair<pid_t, pid_t>> called_so;
  if (const auto here = thread_here(scene, number)) called_so.push_back(*here);
  const auto [first, last] = foreign_threads(scene).equal_range(number);
  for (auto thread = first; thread != last; ++thread) called_so.push_back(thread->second);

  FoundOwner owner;
  bool is_closed = false;
  for (const auto& [pid, tid] : called_so) {
    const Has has = has_memory(pid, word);
    is_closed = is_closed || has == Has::not_told;
    if (has != Has::yes) continue;
    if (owner.found == OwnerFound::yes) return {.found = OwnerFound::ambiguous};
    owner = {.found = OwnerFound::yes, .pid = pid, .tid = tid};
  }
  if (owner.found == OwnerFound::yes) return owner;
  if (is_closed) return {.found = OwnerFound::closed};
  return {.found = everybody_is_seen(scene.snapshot) ? OwnerFound::dead : OwnerFound::unseen};
}

}  // namespace ginnel::inventory
