#include "futexes.hpp"

#include <algorithm>

#include "words.hpp"

namespace ginnel::inventory {
namespace {

ObjectId id_of(const Scene& scene, const BlockedThread& blocked, const FutexWord& word) {
  if (word.shared)
    return {.kind = Kind::futex, .space = 0, .device = word.device, .number = word.inode, .generation = word.offset};
  const ProcessInfo* process = scene.snapshot.process(blocked.pid);
  return {.kind = Kind::futex,
          .space = process != nullptr ? process->start_ticks : 0,
          .device = 0,
          .number = static_cast<std::uint64_t>(blocked.pid),
          .generation = word.address};
}

/// The process of a thread that was seen.
pid_t process_of(const Scene& scene, pid_t tid) {
  if (scene.snapshot.process(tid) != nullptr) return tid;
  const auto known = scene.census.process_of_thread.find(tid);
  return known == scene.census.process_of_thread.end() ? 0 : known->second;
}

void add_owner(Scene& scene, Object& object, const BlockedThread& blocked, const FutexWord& word) {
  if (!word.words) return;
  const auto owner = owner_of(word.words->first, word.words->second, word.priority_inheriting);
  if (!owner) return;
  const ProcessInfo* waiter = scene.snapshot.process(blocked.pid);
  const auto& home = scene.spaces.seen();
  const bool same_numbers =
      waiter != nullptr && std::ranges::any_of(home, [&](const NamespaceInfo& space) {
        return space.kind == NamespaceKind::pid && space.own && waiter->pid_namespace.value_or(0) == space.inode;
      });
  if (!same_numbers) {
    object.details.push_back({"owner", std::to_string(*owner) + " in another pid namespace"});
    return;
  }
  const pid_t process = process_of(scene, *owner);
  if (process == 0) {
    object.details.push_back({"owner", std::to_string(*owner) + ", which is dead"});
    return;
  }
  if (!word.shared && process != blocked.pid) return;  // no mutex: the word only looks like one
  object.holders.push_back({.pid = process, .tid = *owner, .fd = -1, .how = How::owner, .access = Access::none});
}

/// The file in which a semaphore or whatever else that others share lies is waited for too, by who looks for its name.
void add_wait_on_memory(Scene& scene, const BlockedThread& blocked, const FutexWord& word) {
  const auto file = word.shared ? scene.files.find({word.device, word.inode}) : scene.files.end();
  if (file == scene.files.end()) return;
  Object& memory = scene.objects.at(file->second);
  const bool is_semaphore = memory.id.kind == Kind::posix_semaphore;
  if (!is_semaphore && memory.id.kind != Kind::posix_shm && memory.id.kind != Kind::memfd) return;
  memory.waiters.push_back(waiter_of(blocked, is_semaphore ? Wait::semaphore : Wait::futex));
}

}  // namespace

std::optional<pid_t> owner_of(std::uint32_t word, std::int32_t word_8_after, bool priority_inheriting) {
  constexpr std::uint32_t tid_mask = 0x3fff'ffff;     // FUTEX_TID_MASK
  constexpr std::uint32_t waiters_bit = 0x8000'0000;  // FUTEX_WAITERS
  constexpr pid_t tid_max = 4 << 20;                  // PID_MAX_LIMIT: a greater one is no thread, and this no mutex
  constexpr std::uint32_t contended = 2;              // glibc's ordinary mutex: locked, and somebody waits
  if (priority_inheriting || (word & waiters_bit) != 0) {
    const auto owner = static_cast<pid_t>(word & tid_mask);
    return owner > 0 && owner <= tid_max ? std::optional{owner} : std::nullopt;
  }
  if (word == contended && word_8_after > 0) return word_8_after;
  return std::nullopt;
}

void add_wait_on_futex(Scene& scene, const BlockedThread& blocked, const FutexWord& word) {
  add_wait_on_memory(scene, blocked, word);
  if (!scene.wants(Kind::futex)) return;
  const ObjectId id = id_of(scene, blocked, word);
  Object& object = scene.objects.at(id);
  if (object.details.empty()) {
    object.owner = object.group = object.mode = Fact<std::uint32_t>::missing("a futex has none");
    object.changed = Fact<Time>::missing("the kernel keeps no times of a futex");
    object.creator = Fact<Creator>::missing("the kernel keeps no creator of a futex");
    object.fill = Fact<Fill>::missing("it holds no data");
    object.details.push_back({"address", "0x" + to_hexadecimal(word.address)});
    object.details.push_back({"scope", word.shared ? "shared" : "private"});
    const auto file = scene.files.find({word.device, word.inode});
    if (word.shared && file != scene.files.end()) {
      object.details.push_back({"in", scene.objects.at(file->second).name});
      object.details.push_back({"offset", std::to_string(word.offset)});
    }
    if (word.words) object.details.push_back({"word", "0x" + to_hexadecimal(word.words->first)});
    add_owner(scene, object, blocked, word);
  }
  object.waiters.push_back({.pid = blocked.pid, .tid = blocked.tid, .wait = Wait::futex, .since = blocked.since});
}

}  // namespace ginnel::inventory
