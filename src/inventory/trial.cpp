#include "trial.hpp"

#include <algorithm>

#include "last_use.hpp"
#include "recyclers.hpp"
#include "words.hpp"

namespace ginnel::inventory {

std::string Trial::detail(std::string_view key) const {
  const Detail* found = object_.detail(key);
  return found == nullptr ? "" : found->value;
}

std::string Trial::name_of(pid_t pid) const {
  const ProcessInfo* process = snapshot_.process(pid);
  return (process == nullptr ? "?" : process->command) + "(" + std::to_string(pid) + ")";
}

void Trial::against(Verdict at_best, std::string reason) {
  verdict_ = std::max(verdict_, at_best);
  reasons_.emplace_back(at_best, std::move(reason));
}

void Trial::weigh_users() {
  if (!object_.holders.empty()) {
    const Holder& first = object_.holders.front();
    against(Verdict::in_use, name_of(first.pid) + " has it: " + std::string{to_string(first.how)});
    evidence(counted(object_.holders.size(), "handles") + " seen");
  }
  if (!object_.waiters.empty()) {
    against(Verdict::in_use, name_of(object_.waiters.front().pid) + " waits for it");
    const std::size_t waiters = object_.waiters.size();
    evidence(counted(waiters, "threads") + (waiters == 1 ? " waits" : " wait"));
  }
}

void Trial::weigh_age() {
  const auto used = last_use(object_);
  if (!used) {
    against(Verdict::unknown, "when it was last used is not known: " + std::string{used.reason()});
    return;
  }
  const auto age = std::chrono::floor<std::chrono::seconds>(snapshot_.taken_at - *used);
  evidence("last used or changed " + std::to_string(age.count()) + " s ago");
  if (age < grace_)
    against(Verdict::unknown, "it was used or changed within the last " + std::to_string(grace_.count()) +
                                  " s: somebody may be about to use it");
}

void Trial::weigh_hidden_processes() {
  if (sight_.processes_hidden) against(Verdict::unknown, "other users' processes are hidden (hidepid) and may have it");
}

void Trial::weigh_processes(const Sight::Closed& closed) {
  if (closed.processes > 0)
    against(Verdict::unknown, counted(closed.processes, "processes") + " could not be looked into and may have it");
  if (closed.init) against(Verdict::likely, "init could not be looked into");
  weigh_hidden_processes();
  if (sight_.processes_outside) against(Verdict::likely, "processes outside of this pid namespace cannot be seen");
}

void Trial::weigh_namespaces(NamespaceKind kind) {
  for (const NamespaceInfo& space : sight_.unvisited) {
    const bool sees_it = space.kind == kind && (kind != NamespaceKind::ipc || space.inode == object_.id.space);
    if (!sees_it) continue;
    against(Verdict::unknown,
            "a " + std::string{to_string(kind)} + " namespace was not visited: " + std::string{space.reason});
    return;
  }
}

void Trial::weigh_recycler() {
  const Recycler* recycler = recycler_of(object_);
  if (recycler == nullptr) return;
  const std::string program{recycler->program};
  against(Verdict::likely, "by " + std::string{recycler->by} + " it looks like that of " + program + ", which " +
                               std::string{recycler->does});
  if (!recycler->check.empty()) evidence(std::string{recycler->check});
  for (const ProcessInfo& process : snapshot_.processes)
    if (process.command == recycler->command && !has_ended(process) && object_.owner && process.user == object_.owner) {
      evidence("uid " + std::to_string(*object_.owner) + " runs " + name_of(process.pid));
      return;
    }
  if (object_.owner) evidence("uid " + std::to_string(*object_.owner) + " runs no " + program + " now");
}

Judgement Trial::close() && {
  Judgement judgement{.verdict = verdict_, .reasons = {}, .evidence = std::move(evidence_)};
  for (const Verdict weight : {Verdict::in_use, Verdict::unknown, Verdict::likely, Verdict::safe})
    for (auto& [at_best, reason] : reasons_)
      if (at_best == weight) judgement.reasons.push_back(std::move(reason));
  return judgement;
}

}  // namespace ginnel::inventory
