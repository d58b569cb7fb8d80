#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <iterator>
#include <set>
#include <span>

#include "explain_table.hpp"
#include "ginnel/inventory/limits.hpp"
#include "words.hpp"

namespace ginnel::inventory {
namespace {

std::string title(const Limit& limit) { return limit.place.empty() ? limit.name : limit.name + " of " + limit.place; }

/// `kernel.msgmni: 3 of 32000 queues in use`, and for what is not known the reason.
std::string describe(const Limit& limit) {
  const std::string value = limit.value ? counted(*limit.value, limit.unit) : std::string{limit.value.reason()};
  std::string text = title(limit) + ": ";
  if (!limit.used)
    text += value;
  else if (limit.value)
    text += std::to_string(*limit.used) + " of " + value + " in use";
  else
    text += value + ", " + counted(*limit.used, limit.unit) + " in use";
  if (!limit.estimate.empty()) text += " (" + std::string{limit.estimate} + ")";
  return text;
}

void add(Explanation& explanation, const Limit& limit) {
  explanation.here.push_back(describe(limit));
  explanation.likely = explanation.likely || limit.nearly_reached();
  for (const Consumer& consumer : limit.consumers)
    explanation.users.push_back(consumer.who + ": " + counted(consumer.amount, limit.unit));
}

Explanation explain_one(const Meaning& meaning, const Snapshot& snapshot, const std::vector<Limit>& limits) {
  Explanation explanation{.call = meaning.call,
                          .meaning = meaning.meaning,
                          .limits = {},
                          .here = {},
                          .users = {},
                          .tell = meaning.tell,
                          .remedy = meaning.remedy,
                          .source = meaning.source};
  for (const std::string_view name : meaning.limits) {
    if (name.empty()) break;
    explanation.limits.push_back(name);
    for (const Limit& limit : limits)
      if (limit.name == name) add(explanation, limit);
  }
  if (meaning.look != nullptr) {
    Findings found = meaning.look(snapshot);
    std::ranges::move(found.here, std::back_inserter(explanation.here));
    std::ranges::move(found.users, std::back_inserter(explanation.users));
    explanation.likely = explanation.likely || found.likely;
  }
  return explanation;
}

/// The names that a member has in these rows, each once.
std::string list(std::span<const Meaning> rows, std::string_view Meaning::* member, std::string_view error) {
  std::set<std::string_view> names;
  for (const Meaning& row : rows)
    if (error.empty() || row.error == error) names.insert(row.*member);
  std::string text;
  for (const std::string_view name : names) text += (text.empty() ? "" : " ") + std::string{name};
  return text;
}

}  // namespace

Result<std::vector<Explanation>> explain(const Snapshot& snapshot, const std::vector<Limit>& limits,
                                         std::string_view errno_name, std::string_view call) {
  const auto rows = meanings();
  if (std::ranges::find(rows, errno_name, &Meaning::error) == rows.end())
    return std::unexpected{Error{EINVAL, "explain", errno_name, "known are " + list(rows, &Meaning::error, {})}};
  std::vector<Explanation> explanations;
  std::ptrdiff_t likely = 0;
  for (const Meaning& row : rows) {
    if (row.error != errno_name || (!call.empty() && row.call != call)) continue;
    Explanation explanation = explain_one(row, snapshot, limits);
    const auto place = explanation.likely ? explanations.begin() + likely++ : explanations.end();
    explanations.insert(place, std::move(explanation));
  }
  if (explanations.empty())
    return std::unexpected{Error{EINVAL, "explain", std::string{errno_name} + " of " + std::string{call},
                                 "it is known of " + list(rows, &Meaning::call, errno_name)}};
  return explanations;
}

}  // namespace ginnel::inventory
