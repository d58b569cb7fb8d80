#include "ginnel/inventory/plan.hpp"

#include <algorithm>
#include <utility>

#include "utf8.hpp"
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

}  // namespace

std::string plan_id(const Plan& plan) {
  Hash hash;
  hash.add(plan.boot_id);
  hash.add(std::to_string(plan.taken_at.time_since_epoch().count()));
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
  plan.taken_at = std::chrono::floor<std::chrono::seconds>(snapshot.taken_at);
  const Judge judge{snapshot, {.grace = options.older_than}};
  for (const Object& object : snapshot.objects) {
    if (!options.kinds.empty() && !options.kinds.contains(object.id.kind)) continue;
    Judgement judgement = judge(object);
    if (may_go(judgement.verdict)) plan.entries.push_back({object.id, valid_utf8(object.name), std::move(judgement)});
  }
  std::ranges::sort(plan.entries, {},
                    [](const PlanEntry& entry) { return std::pair{entry.judgement.verdict, entry.id}; });
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

}  // namespace ginnel::inventory
