#include "inventory/plan_json.hpp"

#include <cerrno>

#include "inventory/object_json.hpp"

namespace ginnel::cli {
namespace {

constexpr int plan_schema = 1;

Error not_a_plan(std::string_view what) {
  return Error{EINVAL, "plan", what, "expected what 'ginnel gc --json' printed"};
}

Result<inventory::Verdict> parse_verdict(const std::string& text) {
  for (const inventory::Verdict verdict : {inventory::Verdict::safe, inventory::Verdict::likely})
    if (text == to_string(verdict)) return verdict;
  return std::unexpected{not_a_plan("verdict " + text)};
}

Result<inventory::PlanEntry> parse_entry(const Json& json) {
  const auto id = inventory::ObjectId::parse(json.at("uid").get<std::string>());
  if (!id) return std::unexpected{id.error()};
  const auto verdict = parse_verdict(json.at("verdict").get<std::string>());
  if (!verdict) return std::unexpected{verdict.error()};
  return inventory::PlanEntry{*id,
                              json.at("name").get<std::string>(),
                              {.verdict = *verdict,
                               .reasons = json.at("reasons").get<std::vector<std::string>>(),
                               .evidence = json.at("evidence").get<std::vector<std::string>>()}};
}

inventory::Time time_of(double seconds) {
  return inventory::Time{std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::duration<double>{seconds})};
}

}  // namespace

Json to_json(const inventory::Plan& plan) {
  Json entries = Json::array();
  for (const inventory::PlanEntry& entry : plan.entries)
    entries.push_back({{"uid", entry.id.to_string()},
                       {"kind", to_string(entry.id.kind)},
                       {"name", entry.name},
                       {"verdict", to_string(entry.judgement.verdict)},
                       {"reasons", entry.judgement.reasons},
                       {"evidence", entry.judgement.evidence}});
  return {{"plan_schema", plan_schema},
          {"plan", plan.id},
          {"boot_id", plan.boot_id},
          {"taken_at", seconds_of(plan.taken_at)},
          {"entries", std::move(entries)}};
}

Result<inventory::Plan> parse_plan(std::string_view text) {
  try {
    const Json json = Json::parse(text);
    if (json.at("plan_schema").get<int>() != plan_schema) return std::unexpected{not_a_plan("of another version")};
    inventory::Plan plan;
    plan.id = json.at("plan").get<std::string>();
    plan.boot_id = json.at("boot_id").get<std::string>();
    plan.taken_at = time_of(json.at("taken_at").get<double>());
    for (const Json& one : json.at("entries")) {
      auto entry = parse_entry(one);
      if (!entry) return std::unexpected{entry.error()};
      plan.entries.push_back(std::move(*entry));
    }
    return plan;
  } catch (const Json::exception& failure) {
    return std::unexpected{not_a_plan(failure.what())};
  }
}

Json to_json(const inventory::RemovalReport& report) {
  return {{"uid", report.entry.id.to_string()},
          {"name", report.entry.name},
          {"result", to_string(report.result)},
          {"text", report.text}};
}

}  // namespace ginnel::cli
