#include "futexes.hpp"

#include "mutex_owner.hpp"
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

void add_owner(Scene& scene, const ObjectId& id, const BlockedThread& blocked, const FutexWord& word) {
  if (!word.words) return;
  const auto number = owner_of(word.words->first, word.words->second, word.priority_inheriting);
  if (!number) return;
  const FoundOwner owner = find_owner(scene, blocked, word, *number);
  Object& object = scene.objects.at(id);
  const auto say = [&](std::string_view what) {
    object.details.push_back({"owner", std::to_string(*number) + std::string{what}});
  };
  switch (owner.found) {
    case OwnerFound::yes:
      object.holders.push_back(
          {.pid = owner.pid, .tid = owner.tid, .fd = -1, .how = How::owner, .access = Access::none});
      return;
    case OwnerFound::dead:
      return say(", which is dead");
    case OwnerFound::ambiguous:
      return say(", as several call themselves that have the memory");
    case OwnerFound::closed:
      return say(", which may not be looked into");
    case OwnerFound::unseen:
      return say(", which is not seen from here, or dead");
    case OwnerFound::no_mutex:
      return;
  }
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
    add_owner(scene, id, blocked, word);
  }
  object.waiters.push_back(waiter_of(blocked, Wait::futex));
}

}  // namespace ginnel::inventory
