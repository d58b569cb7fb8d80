#include <algorithm>

#include "futexes.hpp"
#include "scene.hpp"

namespace ginnel::inventory {
namespace {

/// The descriptor argument of the call, and what is waited for on it.
struct WaitOnFile {
  std::size_t argument = 0;
  Wait wait = Wait::read;
};

std::optional<WaitOnFile> wait_on_file(BlockingCall call) noexcept {
  switch (call) {
    case BlockingCall::read:
    case BlockingCall::splice:
      return WaitOnFile{0, Wait::read};
    case BlockingCall::write:
      return WaitOnFile{0, Wait::write};
    case BlockingCall::mq_receive:
    case BlockingCall::socket_receive:
      return WaitOnFile{0, Wait::receive};
    case BlockingCall::mq_send:
    case BlockingCall::socket_send:
      return WaitOnFile{0, Wait::send};
    case BlockingCall::accept:
      return WaitOnFile{0, Wait::accept};
    default:
      return std::nullopt;
  }
}

void add(Scene& scene, const BlockedThread& blocked, int fd, Wait wait) {
  const OpenFile* file = scene.open_file(blocked.pid, blocked.tid, fd);
  const ObjectId* id = file != nullptr ? scene.object_of_file(*file) : nullptr;
  if (id != nullptr) scene.objects.at(*id).waiters.push_back(waiter_of(blocked, wait));
}

void add_wait_on_file(Scene& scene, const BlockedThread& blocked, WaitOnFile waits) {
  int fd = static_cast<int>(blocked.call.arguments[waits.argument]);
  // splice(2) moves from a pipe or to one: it waits where that end is empty or full.
  constexpr std::size_t splice_target = 2;
  if (blocked.call.call == BlockingCall::splice) {
    const OpenFile* source = scene.open_file(blocked.pid, blocked.tid, fd);
    const ObjectId* id = source != nullptr ? scene.object_of_file(*source) : nullptr;
    const Object* from = id != nullptr ? scene.objects.find(*id) : nullptr;
    const bool has_data = from != nullptr && from->fill && from->fill->used.value_or(0) > 0;
    if (has_data) {
      fd = static_cast<int>(blocked.call.arguments[splice_target]);
      waits.wait = Wait::write;
    }
  }
  add(scene, blocked, fd, waits.wait);
}

std::optional<std::pair<Kind, Wait>> wait_on_sysv(BlockingCall call) noexcept {
  switch (call) {
    case BlockingCall::msgrcv:
      return std::pair{Kind::sysv_queue, Wait::receive};
    case BlockingCall::msgsnd:
      return std::pair{Kind::sysv_queue, Wait::send};
    case BlockingCall::semop:
      return std::pair{Kind::sysv_semaphore, Wait::semaphore};
    default:
      return std::nullopt;
  }
}

void add_wait_on_sysv(Scene& scene, const BlockedThread& blocked, Kind kind, Wait wait) {
  const ProcessInfo* process = scene.snapshot.process(blocked.pid);
  if (process == nullptr || !process->ipc_namespace) return;
  for (Object& object : scene.objects.all())
    if (object.id.kind == kind && object.id.space == *process->ipc_namespace &&
        object.id.number == blocked.call.arguments[0])
      object.waiters.push_back(waiter_of(blocked, wait));
}

/// The lock in the way: one on the same file that somebody else holds. The line in /proc/locks may have told of this
/// waiter already, without its thread.
void add_wait_on_lock(Scene& scene, const BlockedThread& blocked) {
  const OpenFile* file = scene.open_file(blocked.pid, blocked.tid, static_cast<int>(blocked.call.arguments[0]));
  if (file == nullptr) return;
  Object* in_the_way = nullptr;
  for (Object& object : scene.objects.all()) {
    if (object.id.kind != Kind::lock || object.id.number != file->status.inode) continue;
    const auto told = std::ranges::find_if(object.waiters, [&](const Waiter& waiter) {
      return waiter.pid == blocked.pid && waiter.tid == waiter.pid && !waiter.since;
    });
    if (told != object.waiters.end()) {
      *told = waiter_of(blocked, Wait::lock);
      return;
    }
    const bool by_others = std::ranges::any_of(
        object.holders, [&](const Holder& holder) { return holder.pid != blocked.pid || holder.fd != file->fd; });
    if (by_others || object.holders.empty()) in_the_way = &object;
  }
  if (in_the_way != nullptr) in_the_way->waiters.push_back(waiter_of(blocked, Wait::lock));
}

void add_wait_for_accept(Scene& scene, const BlockedThread& blocked) {
  if (blocked.connecting.empty()) {
    add(scene, blocked, static_cast<int>(blocked.call.arguments[0]), Wait::connect);
    return;
  }
  const ProcessInfo* process = scene.snapshot.process(blocked.pid);
  for (Object& object : scene.objects.all()) {
    const Detail* state = object.id.kind == Kind::unix_socket ? object.detail("state") : nullptr;
    if (state == nullptr || state->value != "listening" || !object.name.ends_with(":" + blocked.connecting)) continue;
    const bool abstract = blocked.connecting.front() == '@';
    if (abstract && (process == nullptr || process->network_namespace.value_or(0) != object.id.space)) continue;
    object.waiters.push_back(waiter_of(blocked, Wait::connect));
    return;
  }
}

void add_wait_for_partner(Scene& scene, const BlockedThread& blocked) {
  const FileStatus& fifo = blocked.opening->second;
  const auto id = scene.files.find({fifo.device, fifo.inode});
  if (id != scene.files.end()) scene.objects.at(id->second).waiters.push_back(waiter_of(blocked, Wait::open));
}

}  // namespace

void collect_waits(Scene& scene) {
  for (const BlockedThread& blocked : scene.census.blocked) {
    if (const auto file = wait_on_file(blocked.call.call)) add_wait_on_file(scene, blocked, *file);
    if (const auto sysv = wait_on_sysv(blocked.call.call)) add_wait_on_sysv(scene, blocked, sysv->first, sysv->second);
    if (blocked.call.call == BlockingCall::flock || blocked.call.call == BlockingCall::fcntl)
      add_wait_on_lock(scene, blocked);
    if (blocked.call.call == BlockingCall::connect) add_wait_for_accept(scene, blocked);
    if (blocked.opening) add_wait_for_partner(scene, blocked);
    if (blocked.futex && !add_wait_on_messaging(scene, blocked, *blocked.futex))
      add_wait_on_futex(scene, blocked, *blocked.futex);
    if (blocked.poll) add_poll(scene, blocked);
  }
  std::ranges::sort(scene.snapshot.polls, {}, [](const Poll& poll) { return std::pair{poll.pid, poll.tid}; });
}

}  // namespace ginnel::inventory
