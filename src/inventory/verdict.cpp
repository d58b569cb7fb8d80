#include "ginnel/inventory/verdict.hpp"

#include "sight.hpp"
#include "trial.hpp"
#include "words.hpp"

// The rules, kind by kind.

namespace ginnel::inventory {
namespace {

void weigh_last_user(Trial& trial) {
  const std::string last_user = trial.detail("last-user");
  constexpr std::string_view alive = "alive ";
  trial.evidence("last user: " + (last_user.empty() ? "not told" : last_user));
  if (last_user.starts_with(alive))
    trial.against(Verdict::unknown, "its last user lives: " + last_user.substr(alive.size()));
  else if (last_user.empty() || last_user == "unknown")
    trial.against(Verdict::unknown, "who used it last may not be read");
}

void weigh_segment_creator(Trial& trial) {
  const Fact<Creator>& creator = trial.object().creator;
  if (!creator)
    trial.against(Verdict::likely, "its creator is not known: " + std::string{creator.reason()});
  else if (creator->life == Life::alive)
    trial.against(Verdict::unknown, "its creator " + trial.name_of(creator->pid) + " lives and may attach again");
  else
    trial.in_favour(creator->life == Life::reused ? "its creator is dead: the pid is a younger process's"
                                                  : "its creator is dead");
  const bool was_used = trial.detail("atime") != "0" || trial.detail("dtime") != "0";
  if (trial.detail("lpid") == "0" && was_used)
    trial.against(Verdict::likely, "its last user is of a pid namespace that is not seen from here");
}

/// The kernel counts who is attached, in all namespaces: no process needs to be looked into for that.
void judge_segment(Trial& trial) {
  const std::string attached = trial.detail("nattch");
  trial.evidence("/proc/sysvipc/shm: nattch=" + attached + " cpid=" + trial.detail("cpid") +
                 " lpid=" + trial.detail("lpid"));
  trial.weigh_users();
  if (attached.empty())
    trial.against(Verdict::unknown, "how many are attached is not told");
  else if (attached != "0")
    trial.against(Verdict::in_use, attached + " attached");
  else
    trial.in_favour("nobody is attached");
  if (trial.is_in_use()) return;
  weigh_segment_creator(trial);
  weigh_last_user(trial);
  trial.weigh_hidden_processes();
  trial.weigh_namespaces(NamespaceKind::ipc);
  trial.weigh_age();
  trial.weigh_recycler();
}

void weigh_owner(Trial& trial) {
  const Fact<std::uint32_t>& owner = trial.object().owner;
  if (!owner)
    trial.against(Verdict::unknown, "its owner is not known");
  else if (trial.sight().users.contains(*owner))
    trial.against(Verdict::unknown, "its owner, uid " + std::to_string(*owner) + ", has processes");
  else
    trial.in_favour("its owner, uid " + std::to_string(*owner) + ", has no process");
}

/// Of queues and semaphores of System V the kernel does not tell who uses them.
void weigh_untracked(Trial& trial) {
  trial.against(Verdict::likely, "the kernel keeps no count of its users");
  weigh_last_user(trial);
  weigh_owner(trial);
  trial.weigh_hidden_processes();
  trial.weigh_namespaces(NamespaceKind::ipc);
  trial.weigh_age();
  trial.weigh_recycler();
}

void judge_sysv_semaphores(Trial& trial) {
  trial.weigh_users();
  const std::string waiting = trial.detail("waiting");
  if (waiting.empty())
    trial.against(Verdict::unknown, "whether anybody waits for it may not be read");
  else if (waiting != "0")
    trial.against(Verdict::in_use, waiting == "1" ? "1 thread waits for it" : waiting + " threads wait for it");
  if (!trial.is_in_use()) weigh_untracked(trial);
}

void judge_sysv_queue(Trial& trial) {
  trial.weigh_users();
  if (trial.is_in_use()) return;
  if (const std::string messages = trial.detail("qnum"); messages != "0")
    trial.against(Verdict::unknown, messages.empty() ? "how many messages it holds is not told"
                                                     : "it holds " + messages + " unread messages");
  weigh_untracked(trial);
}

/// On overlayfs, btrfs and others.
void weigh_numbers(Trial& trial) {
  if (!trial.detail("file-numbers").empty())
    trial.against(Verdict::likely,
                  "its file system may show other numbers than the kernel keeps: who has it may not have been seen");
}

/// A descriptor that is on its way through a socket is in no process.
void weigh_descriptors_under_way(Trial& trial) {
  if (const std::size_t in_flight = trial.sight().in_flight; in_flight > 0)
    trial.against(Verdict::unknown,
                  in_flight == 1
                      ? "a descriptor waits in a socket to be received, and may be of it"
                      : std::to_string(in_flight) + " descriptors wait in sockets to be received: one may be of it");
  if (trial.sight().unaccepted_data)
    trial.against(Verdict::likely, "a connection that nobody has accepted holds data: a descriptor of it may be there");
}

/// Who is to be notified of messages has it open too.
void judge_posix_queue(Trial& trial) {
  trial.weigh_users();
  if (trial.is_in_use()) return;
  trial.in_favour("nobody has it open");
  const Fact<Fill>& fill = trial.object().fill;
  if (!fill || !fill->used)
    trial.against(Verdict::unknown, "whether it holds messages may not be read");
  else if (*fill->used > 0)
    trial.against(Verdict::unknown, "it holds " + std::to_string(*fill->used) + " unread messages");
  trial.weigh_processes(trial.sight().descriptors);
  trial.weigh_namespaces(NamespaceKind::ipc);
  weigh_descriptors_under_way(trial);
  trial.weigh_age();
}

void judge_memory_file(Trial& trial) {
  trial.weigh_users();
  if (trial.is_in_use()) return;
  trial.in_favour("no descriptor and no mapping of it was found");
  // Two of one name are told apart by it.
  if (const std::string place = trial.detail("mount-namespace"); !place.empty())
    trial.evidence("in the /dev/shm of mount namespace " + place);
  weigh_numbers(trial);
  trial.weigh_processes(trial.sight().memory);
  trial.weigh_namespaces(NamespaceKind::mount);
  weigh_descriptors_under_way(trial);
  trial.weigh_age();
  trial.weigh_recycler();
}

void judge_fifo(Trial& trial) {
  trial.weigh_users();
  if (trial.is_in_use()) return;
  trial.against(Verdict::likely, "nobody has it open, but a FIFO is made to be found again");
  trial.weigh_processes(trial.sight().descriptors);
  trial.weigh_namespaces(NamespaceKind::mount);
  weigh_descriptors_under_way(trial);
  trial.weigh_age();
}

/// A path whose socket is gone is never bound again: bind(2) makes a new file. What counts is that the sockets of every
/// network namespace were seen, whichever process has them.
void judge_socket(Trial& trial) {
  trial.weigh_users();
  if (trial.is_in_use()) return;
  if (trial.object().detail("stale-path") == nullptr) {
    trial.against(Verdict::unknown, "the kernel has it, and no process that can be seen does");
    return;
  }
  trial.in_favour("its path is bound by no socket of the network namespaces that were visited");
  weigh_numbers(trial);
  const Sight::Closed& hidden = trial.sight().networks;
  if (const std::size_t count = hidden.processes + (hidden.init ? 1 : 0); count > 0)
    trial.against(Verdict::likely, counted(count, "processes") +
                                       (count == 1 ? " does not tell its" : " do not tell their") +
                                       " network namespace: it may not have been visited");
  trial.weigh_processes({});
  trial.weigh_namespaces(NamespaceKind::network);
  trial.weigh_age();
  trial.weigh_recycler();
}

std::string left_behind(const Member& member) {
  std::string text = member.name + " was left by a " + std::string{to_string(member.role)} + ", pid " +
                     (member.pid ? std::to_string(*member.pid) : "not told");
  if (member.held.value_or(0) > 0) text += ", which holds " + counted(*member.held, "messages");
  if (member.messages) text += ", which has published " + counted(*member.messages, "messages");
  return text;
}

/// What is there on purpose while nobody takes part.
void weigh_what_was_left(Trial& trial) {
  const Object& object = trial.object();
  const std::string version = trial.detail("version");
  if (!version.empty() && version != "0")
    trial.against(Verdict::likely, "it keeps its last value for whoever comes next");
  if (object.id.kind != Kind::queue) return;
  if (!object.fill || !object.fill->used)
    trial.against(Verdict::unknown, "whether it holds messages may not be read");
  else if (*object.fill->used > 0)
    trial.against(Verdict::unknown, "it holds " + counted(*object.fill->used, "messages"));
  else
    trial.against(Verdict::likely, "nobody takes part, but a queue is made to be found again");
}

/// ginnel's own: a member that lives holds its lock, and the kernel frees it with its death, in whatever namespace that was. Messages
/// that the dead have left in a topic are nobody's: whoever comes next removes them before it reads anything.
void judge_by_owner_lock(Trial& trial) {
  trial.weigh_users();
  const std::string lock = trial.detail("owner-lock");
  trial.evidence("locks of its members: " + (lock.empty() ? "not told" : lock));
  if (lock == "free")
    trial.in_favour("nobody holds the lock of a member");
  else if (lock == "held")
    trial.against(Verdict::in_use, "a member that lives holds its lock");
  else
    trial.against(Verdict::unknown, "the locks of its members could not be asked");
  if (trial.is_in_use()) return;
  if (const std::string files = trial.detail("not-understood"); !files.empty())
    trial.against(Verdict::unknown, "there are files that are not understood: " + files);
  for (const Member& member : trial.object().members)
    if (member.life && *member.life != Life::alive) trial.evidence(left_behind(member));
  weigh_what_was_left(trial);
  trial.weigh_age();
}

void judge_lock(Trial& trial) {
  trial.weigh_users();
  trial.against(Verdict::in_use, "a lock ends with its holder, and its file is never removed");
}

using Rule = void (*)(Trial&);

/// Nullptr for what has no name to remove.
Rule rule_for(Kind kind) noexcept {
  switch (kind) {
    case Kind::sysv_shm:
      return judge_segment;
    case Kind::sysv_queue:
      return judge_sysv_queue;
    case Kind::sysv_semaphore:
      return judge_sysv_semaphores;
    case Kind::posix_queue:
      return judge_posix_queue;
    case Kind::posix_shm:
    case Kind::posix_semaphore:
      return judge_memory_file;
    case Kind::fifo:
      return judge_fifo;
    case Kind::unix_socket:
      return judge_socket;
    case Kind::topic:
    case Kind::latest:
    case Kind::queue:
      return judge_by_owner_lock;
    case Kind::lock:
      return judge_lock;
    default:
      return nullptr;
  }
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

Judge::Judge(const Snapshot& snapshot, const JudgeOptions& options)
    : snapshot_{snapshot}, options_{options}, sight_{std::make_unique<const Sight>(snapshot)} {}
Judge::Judge(Judge&& other) noexcept = default;
Judge::~Judge() = default;

Judgement Judge::operator()(const Object& object) const {
  Trial trial{snapshot_, *sight_, object, options_.grace};
  if (const Rule rule = rule_for(object.id.kind); rule != nullptr && !object.deleted) {
    rule(trial);
  } else {
    trial.weigh_users();
    trial.against(Verdict::in_use, "it has no name and goes with its last holder");
  }
  return std::move(trial).close();
}

}  // namespace ginnel::inventory
