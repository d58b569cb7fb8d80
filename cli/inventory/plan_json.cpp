#include "inventory/plan_json.hpp"

#include <fmt/core.h>

#include <cerrno>

#include "inventory/object_json.hpp"

namespace ginnel::cli {
namespace {

constexpr int plan_schema = 1;

Error not_a_plan(std::string_view what) {
  return Error{EINVAL, "plan", what, "expected what 'ginnel gc --json' printed"};
}

/// What stands under the key; the errors name it.
template <class T>
Result<T> field(const Json& json, const char* key) {
  if (!json.is_object() || !json.contains(key)) return std::unexpected{not_a_plan(fmt::format("without '{}'", key))};
  try {
    return json.at(key).get<T>();
  } catch (const Json::exception&) {
    return std::unexpected{not_a_plan(fmt::format("'{}' is of another kind", key))};
  }
}

Result<inventory::Verdict> parse_verdict(const std::string& text) {
  for (const inventory::Verdict verdict : {inventory::Verdict::safe, inventory::Verdict::likely})
    if (text == to_string(verdict)) return verdict;
  return std::unexpected{not_a_plan("verdict " + text)};
}

Result<inventory::PlanEntry> parse_entry(const Json& json) {
  const auto uid = field<std::string>(json, "uid");
  if (!uid) return std::unexpected{uid.error()};
  const auto id = inventory::ObjectId::parse(*uid);
  if (!id) return std::unexpected{not_a_plan("uid " + *uid)};
  const auto word = field<std::string>(json, "verdict");
  if (!word) return std::unexpected{word.error()};
  const auto verdict = parse_verdict(*word);
  if (!verdict) return std::unexpected{verdict.error()};
  auto name = field<std::string>(json, "name");
  if (!name) return std::unexpected{name.error()};
  auto reasons = field<std::vector<std::string>>(json, "reasons");
  if (!reasons) return std::unexpected{reasons.error()};
  auto evidence = field<std::vector<std::string>>(json, "evidence");
  if (!evidence) return std::unexpected{evidence.error()};
  return inventory::PlanEntry{
      *id, std::move(*name), {.verdict = *verdict, .reasons = std::move(*reasons), .evidence = std::move(*evidence)}};
}

Result<inventory::Time> parse_time(const Json& json) {
  const auto seconds = field<double>(json, "taken_at");
  if (!seconds) return std::unexpected{seconds.error()};
  constexpr double end_of_time = 9e9;  // of nanoseconds in 64 bits
  if (!(*seconds >= 0 && *seconds <= end_of_time)) return std::unexpected{not_a_plan("'taken_at' is no time")};
  return inventory::Time{std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::duration<double>{*seconds})};
}

Result<void> parse_entries(const Json& json, inventory::Plan& plan) {
  if (!json.contains("entries") || !json.at("entries").is_array())
    return std::unexpected{not_a_plan("without a list of 'entries'")};
  for (const Json& one : json.at("entries")) {
    auto entry = parse_entry(one);
    if (!entry) return std::unexpected{entry.error()};
    plan.entries.push_back(std::move(*entry));
  }
  return {};
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
  const Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded()) return std::unexpected{not_a_plan("no JSON, or not all of it")};
  const auto schema = field<int>(json, "plan_schema");
  if (!schema) return std::unexpected{schema.error()};
  if (*schema != plan_schema) return std::unexpected{not_a_plan("of another version")};
  auto id = field<std::string>(json, "plan");
  if (!id) return std::unexpected{id.error()};
  auto boot_id = field<std::string>(json, "boot_id");
  if (!boot_id) return std::unexpected{boot_id.error()};
  const auto taken_at = parse_time(json);
  if (!taken_at) return std::unexpected{taken_at.error()};
  inventory::Plan plan;
  plan.id = std::move(*id);
  plan.boot_id = std::move(*boot_id);
  plan.taken_at = *taken_at;
  if (auto entries = parse_entries(json, plan); !entries) return std::unexpected{entries.error()};
  return plan;
}

Json to_json(const inventory::RemovalReport& report) {
  return {{"uid", report.entry.id.to_string()},
          {"name", report.entry.name},
          {"result", to_string(report.result)},
          {"text", report.text}};
}

}  // namespace ginnel::cli
