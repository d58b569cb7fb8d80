#include "execution.hpp"

#include <cerrno>

#include "last_use.hpp"
#include "utf8.hpp"

namespace ginnel::inventory {

Execution::Execution(const Snapshot& now, const Plan& plan, const ExecuteOptions& options)
    // The grace time was the plan's affair: what it named was old enough then, and what was used since is left alone.
    : now_{now}, plan_{plan}, options_{options}, judge_{now, {.grace = std::chrono::seconds{0}}} {
  for (const Object& object : now.objects) by_name_.try_emplace({object.id.kind, valid_utf8(object.name)}, &object);
}

Result<void> Execution::check_plan() const {
  if (plan_.id != plan_id(plan_))
    return std::unexpected{
        Error{EINVAL, "plan", plan_.id, "it was changed since it was made: make a new one with 'ginnel gc'"}};
  if (plan_.boot_id != now_.boot_id)
    return std::unexpected{
        Error{ESTALE, "plan", plan_.id, "it is of another boot of this machine: make a new one with 'ginnel gc'"}};
  return {};
}

/// The kernel keeps times of System V objects in whole seconds: a use in the very second of the plan was seen by it.
bool Execution::was_used_since(const Object& object) const {
  const auto used = last_use(object);
  return used && std::chrono::floor<std::chrono::seconds>(*used) > plan_.taken_at;
}

Execution::Outcome Execution::missing(const PlanEntry& entry) const {
  const auto successor = by_name_.find({entry.id.kind, entry.name});
  if (entry.name.empty() || successor == by_name_.end()) return {Removal::gone, "it is not there any more"};
  const ObjectId& id = successor->second->id;
  const bool same = id.space == entry.id.space && id.device == entry.id.device && id.number == entry.id.number;
  return {Removal::changed,
          same ? "it was used or changed since the plan was made" : "another object has its name now"};
}

Execution::Outcome Execution::carry_out(const PlanEntry& entry) const {
  const bool named = options_.named.contains(entry.id);
  if (entry.judgement.verdict != Verdict::safe && !named)
    return {Removal::skipped, "only likely: name it to have it removed"};
  const Object* object = now_.object(entry.id);
  if (object == nullptr) return missing(entry);
  if (valid_utf8(object->name) != entry.name) return {Removal::changed, "it has another name now: " + object->name};

  const Judgement judgement = judge_(*object);
  const Verdict worst_allowed = named ? Verdict::likely : Verdict::safe;
  if (judgement.verdict > worst_allowed || judgement.verdict > entry.judgement.verdict)
    return {Removal::changed, judgement.reasons.front()};
  if (was_used_since(*object)) return {Removal::changed, "it was used or changed since the plan was made"};

  const RemovalReport removal = remove(now_, *object, false);
  return {removal.result, removal.text};
}

Result<std::vector<RemovalReport>> Execution::run() const {
  if (auto good = check_plan(); !good) return std::unexpected{good.error()};
  std::vector<RemovalReport> reports;
  for (const PlanEntry& entry : plan_.entries) {
    Outcome outcome = carry_out(entry);
    reports.push_back({entry, outcome.result, std::move(outcome.text)});
  }
  return reports;
}

Result<std::vector<RemovalReport>> execute(const Plan& plan, const ExecuteOptions& options) {
  const auto now = scan();
  if (!now) return std::unexpected{now.error()};
  return Execution{*now, plan, options}.run();
}

}  // namespace ginnel::inventory
