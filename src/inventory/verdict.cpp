#include "ginnel/inventory/verdict.hpp"

#include <algorithm>

#include "recyclers.hpp"
#include "words.hpp"

namespace ginnel::inventory {
namespace {

/// A judgement that only ever gets worse: it starts as `safe`, and each reason against it takes it down.
class Case {
 public:
  void against(Verdict at_best, std::string reason) {
    judgement_.verdict = std::max(judgement_.verdict, at_best);
    judgement_.reasons.push_back(std::move(reason));
  }
  void in_favour(std::string reason) { judgement_.reasons.push_back(std::move(reason)); }
  void evidence(std::string text) { judgement_.evidence.push_back(std::move(text)); }
  [[nodiscard]] bool lost() const noexcept { return judgement_.verdict == Verdict::in_use; }
  [[nodiscard]] Judgement close() && { return std::move(judgement_); }

 private:
  Judgement judgement_{.verdict = Verdict::safe, .reasons = {}, .evidence = {}};
};

struct Trial {
  const Snapshot& snapshot;
  const Object& object;
  const JudgeOptions& options;
  Case verdict{};
};

std::string detail(const Object& object, std::string_view key) {
  const Detail* found = object.detail(key);
  return found == nullptr ? "" : found->value;
}

std::string name_of(const Snapshot& snapshot, pid_t pid) {
  const ProcessInfo* process = snapshot.process(pid);
  return (process == nullptr ? "?" : process->command) + "(" + std::to_string(pid) + ")";
}

void weigh_holders(Trial& trial) {
  for (const Holder& holder : trial.object.holders) {
    trial.verdict.against(Verdict::in_use,
                          name_of(trial.snapshot, holder.pid) + " has it: " + std::string{to_string(holder.how)});
    break;
  }
  if (!trial.object.holders.empty())
    trial.verdict.evidence(std::to_string(trial.object.holders.size()) + " handles seen");
  for (const Waiter& waiter : trial.object.waiters) {
    trial.verdict.against(Verdict::in_use, name_of(trial.snapshot, waiter.pid) + " waits for it");
    break;
  }
}

void weigh_age(Trial& trial, Time last_sign) {
  const auto age = std::chrono::duration_cast<std::chrono::seconds>(trial.snapshot.taken_at - last_sign);
  trial.verdict.evidence("last used or changed " + std::to_string(age.count()) + " s ago");
  if (age < trial.options.grace)
    trial.verdict.against(Verdict::unknown, "it is younger than " + std::to_string(trial.options.grace.count()) +
                                                " s: somebody may be about to use it");
}

/// Whether a process that could not be looked into may have it. That init alone may not be looked into is ordinary, and
/// init has nobody's objects: no proof, but no reason to know nothing.
void weigh_unreadable(Trial& trial, bool mappings_count) {
  std::size_t strangers = 0;
  bool init = false;
  for (const pid_t pid : trial.snapshot.coverage.unreadable) {
    const ProcessInfo* process = trial.snapshot.process(pid);
    if (process != nullptr && process->descriptors_readable && !mappings_count) continue;
    if (pid == 1)
      init = true;
    else
      ++strangers;
  }
  if (strangers > 0)
    trial.verdict.against(Verdict::unknown,
                          std::to_string(strangers) + " processes could not be looked into and may have it");
  if (init) trial.verdict.against(Verdict::likely, "init could not be looked into");
}

void weigh_namespaces(Trial& trial, NamespaceKind kind) {
  for (const NamespaceInfo& space : trial.snapshot.coverage.namespaces) {
    if (space.visited || (space.kind != kind && space.kind != NamespaceKind::pid)) continue;
    trial.verdict.against(Verdict::unknown, "a " + std::string{to_string(space.kind)} +
                                                " namespace was not visited: " + std::string{space.reason});
    return;
  }
}

void weigh_descriptors_in_flight(Trial& trial) {
  if (trial.snapshot.coverage.in_flight > 0)
    trial.verdict.against(Verdict::unknown, std::to_string(trial.snapshot.coverage.in_flight) +
                                                " descriptors wait in sockets to be received: one may be of it");
}

void weigh_recycler(Trial& trial) {
  if (const Recycler* recycler = recycler_of(trial.object))
    trial.verdict.against(Verdict::likely, "it looks like that of " + std::string{recycler->program} + ", which " +
                                               std::string{recycler->does});
}

/// All that a count of descriptors and mappings rests on.
void weigh_coverage(Trial& trial, NamespaceKind kind, bool mappings_count) {
  if (trial.verdict.lost()) return;
  weigh_unreadable(trial, mappings_count);
  weigh_namespaces(trial, kind);
  weigh_descriptors_in_flight(trial);
}

Time seconds_in(const Object& object, std::initializer_list<std::string_view> keys) {
  std::int64_t latest = 0;
  for (const std::string_view key : keys)
    latest = std::max(latest, to_number<std::int64_t>(detail(object, key)).value_or(0));
  return Time{std::chrono::seconds{latest}};
}

bool has_process(const Snapshot& snapshot, std::uint32_t user) {
  return std::ranges::any_of(snapshot.processes, [&](const ProcessInfo& process) {
    return !process.kernel_thread && process.alive() && process.user && *process.user == user;
  });
}

void judge_segment(Trial& trial) {
  const Object& object = trial.object;
  const std::string attached = detail(object, "nattch");
  trial.verdict.evidence("/proc/sysvipc/shm: nattch=" + attached + " cpid=" + detail(object, "cpid") +
                         " lpid=" + detail(object, "lpid"));
  weigh_holders(trial);
  if (attached != "0") trial.verdict.against(Verdict::in_use, attached + " attached");
  if (trial.verdict.lost()) return;
  trial.verdict.in_favour("nobody is attached");
  if (!object.creator)
    trial.verdict.against(Verdict::likely, "its creator is not known: " + std::string{object.creator.reason()});
  else if (object.creator->life == Life::alive)
    trial.verdict.against(Verdict::unknown, "its creator " + name_of(trial.snapshot, object.creator->pid) +
                                                " lives and may attach again");
  else
    trial.verdict.in_favour("its creator is dead");
  if (detail(object, "last-user").starts_with("alive"))
    trial.verdict.against(Verdict::unknown, "its last user lives: " + detail(object, "last-user").substr(6));
  weigh_namespaces(trial, NamespaceKind::ipc);
  weigh_age(trial, std::max(seconds_in(object, {"atime", "dtime"}), object.changed.value_or(Time{})));
  weigh_recycler(trial);
}

/// Queues and semaphores of System V: the kernel does not tell who uses them.
void judge_untracked(Trial& trial) {
  const Object& object = trial.object;
  weigh_holders(trial);
  if (detail(object, "waiting") != "" && detail(object, "waiting") != "0")
    trial.verdict.against(Verdict::in_use, detail(object, "waiting") + " processes wait for it");
  if (trial.verdict.lost()) return;
  trial.verdict.against(Verdict::likely, "the kernel keeps no count of its users");
  const std::string last_user = detail(object, "last-user");
  trial.verdict.evidence("last user: " + last_user);
  if (last_user.starts_with("alive"))
    trial.verdict.against(Verdict::unknown, "its last user lives: " + last_user.substr(6));
  if (!object.owner)
    trial.verdict.against(Verdict::unknown, "its owner is not known");
  else if (has_process(trial.snapshot, *object.owner))
    trial.verdict.against(Verdict::unknown, "its owner, uid " + std::to_string(*object.owner) + ", has processes");
  if (const std::string messages = detail(object, "qnum"); !messages.empty() && messages != "0")
    trial.verdict.against(Verdict::unknown, "it holds " + messages + " unread messages");
  weigh_namespaces(trial, NamespaceKind::ipc);
  weigh_age(trial, std::max(seconds_in(object, {"otime", "stime", "rtime"}), object.changed.value_or(Time{})));
}

void judge_posix_queue(Trial& trial) {
  weigh_holders(trial);
  if (trial.verdict.lost()) return;
  trial.verdict.in_favour("nobody has it open");
  if (!trial.object.fill)
    trial.verdict.against(Verdict::unknown, "whether it holds messages may not be read");
  else if (const auto messages = trial.object.fill->used.value_or(0); messages > 0)
    trial.verdict.against(Verdict::unknown, "it holds " + std::to_string(messages) + " unread messages");
  weigh_coverage(trial, NamespaceKind::ipc, false);
  weigh_age(trial, trial.object.changed.value_or(Time{}));
}

void judge_memory_file(Trial& trial) {
  weigh_holders(trial);
  if (trial.verdict.lost()) return;
  trial.verdict.in_favour("no descriptor and no mapping of it was found");
  weigh_coverage(trial, NamespaceKind::mount, true);
  weigh_age(trial, trial.object.changed.value_or(Time{}));
  weigh_recycler(trial);
}

void judge_fifo(Trial& trial) {
  weigh_holders(trial);
  if (trial.verdict.lost()) return;
  trial.verdict.against(Verdict::likely, "nobody has it open, but a FIFO is made to be found again");
  weigh_coverage(trial, NamespaceKind::mount, false);
  weigh_age(trial, trial.object.changed.value_or(Time{}));
}

void judge_socket(Trial& trial) {
  weigh_holders(trial);
  if (trial.verdict.lost()) return;
  if (trial.object.detail("stale-path") == nullptr) {
    trial.verdict.against(Verdict::unknown, "the kernel has it, and no process that can be seen does");
    return;
  }
  trial.verdict.in_favour("its path is bound by no socket of any network namespace");
  weigh_namespaces(trial, NamespaceKind::network);
  weigh_age(trial, trial.object.changed.value_or(Time{}));
  weigh_recycler(trial);
}

void judge_by_owner_lock(Trial& trial) {
  weigh_holders(trial);
  const std::string lock = detail(trial.object, "owner-lock");
  if (lock == "free")
    trial.verdict.in_favour("the lock of its owner is free");
  else
    trial.verdict.against(lock == "held" ? Verdict::in_use : Verdict::unknown,
                          lock == "held" ? "its owner holds its lock" : "the lock of its owner could not be asked");
}

}  // namespace

std::string_view to_string(Verdict verdict) noexcept {
  switch (verdict) {
    case Verdict::safe:
      return "safe";
    case Verdict::likely:
      return "likely";
    case Verdict::unknown:
      return "unknown";
    case Verdict::in_use:
      return "in-use";
  }
  return "?";
}

Judgement judge(const Snapshot& snapshot, const Object& object, const JudgeOptions& options) {
  Trial trial{.snapshot = snapshot, .object = object, .options = options};
  switch (object.id.kind) {
    case Kind::sysv_shm:
      judge_segment(trial);
      break;
    case Kind::sysv_queue:
    case Kind::sysv_semaphore:
      judge_untracked(trial);
      break;
    case Kind::posix_queue:
      judge_posix_queue(trial);
      break;
    case Kind::posix_shm:
    case Kind::posix_semaphore:
      judge_memory_file(trial);
      break;
    case Kind::fifo:
      judge_fifo(trial);
      break;
    case Kind::unix_socket:
      judge_socket(trial);
      break;
    case Kind::topic:
    case Kind::latest:
    case Kind::queue:
    case Kind::channel:
      judge_by_owner_lock(trial);
      break;
    case Kind::lock:
      trial.verdict.against(Verdict::in_use, "a lock is held until its holder lets go; its file is never removed");
      break;
    default:
      trial.verdict.against(Verdict::in_use, "it has no name and goes with its last holder");
      break;
  }
  return std::move(trial.verdict).close();
}

}  // namespace ginnel::inventory
