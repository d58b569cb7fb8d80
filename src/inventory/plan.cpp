#include "ginnel/inventory/plan.hpp"

#include <algorithm>
#include <cerrno>

#include "removal.hpp"
#include "words.hpp"

namespace ginnel::inventory {
namespace {

class Hash {
 public:
  void add(std::string_view text) {
    for (const char byte : text) add_byte(static_cast<unsigned char>(byte));
    add_byte(0);  // so that "a" "b" is not "ab" ""
  }
  [[nodiscard]] std::string text() const { return to_hexadecimal(value_); }

 private:
  void add_byte(unsigned char byte) { value_ = (value_ ^ byte) * 0x100000001b3U; }  // FNV-1a
  std::uint64_t value_ = 0xcbf29ce484222325U;
};

bool may_go(Verdict verdict) { return verdict == Verdict::safe || verdict == Verdict::likely; }

/// What has to hold at the last moment for an entry to be removed.
RemovalReport carry_out(const PlanEntry& entry, const Snapshot& now, const ExecuteOptions& options) {
  RemovalReport report{.entry = entry, .result = Removal::skipped, .text = {}};
  const bool named = options.named.contains(entry.id);
  if (entry.judgement.verdict != Verdict::safe && !named) {
    report.text = "only likely: name it to have it removed";
    return report;
  }
  const Object* object = now.object(entry.id);
  if (object == nullptr) {
    report.result = Removal::gone;
    report.text = "it is not there any more";
    return report;
  }
  const Judgement judgement = judge(now, *object, {.grace = std::chrono::seconds{0}});
  if (judgement.verdict > entry.judgement.verdict || object->name != entry.name) {
    report.result = Removal::changed;
    report.text = judgement.reasons.empty() ? "it has another name now" : judgement.reasons.front();
    return report;
  }
  return remove(now, *object, false);
}

}  // namespace

std::string plan_id(const Plan& plan) {
  Hash hash;
  hash.add(plan.boot_id);
  for (const PlanEntry& entry : plan.entries) {
    hash.add(entry.id.to_string());
    hash.add(entry.name);
    hash.add(to_string(entry.judgement.verdict));
  }
  return hash.text();
}

Plan make_plan(const Snapshot& snapshot, const PlanOptions& options) {
  Plan plan;
  plan.boot_id = snapshot.boot_id;
  plan.taken_at = snapshot.taken_at;
  for (const Object& object : snapshot.objects) {
    if (!options.kinds.empty() && !options.kinds.contains(object.id.kind)) continue;
    Judgement judgement = judge(snapshot, object, {.grace = options.older_than});
    if (may_go(judgement.verdict)) plan.entries.push_back({object.id, object.name, std::move(judgement)});
  }
  std::ranges::stable_sort(plan.entries, {}, [](const PlanEntry& entry) { return entry.judgement.verdict; });
  plan.id = plan_id(plan);
  return plan;
}

std::string_view to_string(Removal removal) noexcept {
  switch (removal) {
    case Removal::removed:
      return "removed";
    case Removal::gone:
      return "gone";
    case Removal::changed:
      return "changed";
    case Removal::skipped:
      return "skipped";
    case Removal::refused:
      return "refused";
  }
  return "?";
}

Result<std::vector<RemovalReport>> execute_on(const Snapshot& now, const Plan& plan, const ExecuteOptions& options) {
  if (plan.id != plan_id(plan))
    return std::unexpected{
        Error{EINVAL, "plan", plan.id, "it was changed since it was made: make a new one with 'ginnel gc'"}};
  if (plan.boot_id != now.boot_id)
    return std::unexpected{
        Error{ESTALE, "plan", plan.id, "it is of another boot of this machine: make a new one with 'ginnel gc'"}};
  std::vector<RemovalReport> reports;
  for (const PlanEntry& entry : plan.entries) {
    reports.push_back(carry_out(entry, now, options));
    reports.back().entry = entry;
  }
  return reports;
}

Result<std::vector<RemovalReport>> execute(const Plan& plan, const ExecuteOptions& options) {
  const auto now = scan();
  if (!now) return std::unexpected{now.error()};
  return execute_on(*now, plan, options);
}

}  // namespace ginnel::inventory
