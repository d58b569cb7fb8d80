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

/// Two names of one number are told under one of them.
std::string_view known_name(std::string_view error) noexcept {
  if (error == "EWOULDBLOCK") return "EAGAIN";
  if (error == "EDEADLOCK") return "EDEADLK";
  return error;
}

char lower(char letter) noexcept { return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter + 32) : letter; }
bool is_same_call(std::string_view one, std::string_view other) {
  return std::ranges::equal(one, other, {}, lower, lower);
}

}  // namespace

Result<std::vector<Explanation>> explain(const Snapshot& snapshot, const std::vector<Limit>& limits,
                                         std::string_view errno_name, std::string_view call) {
  const auto rows = meanings();
  const std::string_view error = known_name(errno_name);
  if (std::ranges::find(rows, error, &Meaning::error) == rows.end())
    return std::unexpected{Error{EINVAL, "explain", errno_name, "known are " + list(rows, &Meaning::error, {})}};
  std::vector<Explanation> explanations;
  std::ptrdiff_t likely = 0;
  for (const Meaning& row : rows) {
    if (row.error != error || (!call.empty() && !is_same_call(row.call, call))) continue;
    Explanation explanation = explain_one(row, snapshot, limits);
    const auto place = explanation.likely ? explanations.begin() + likely++ : explanations.end();
    explanations.insert(place, std::move(explanation));
  }
  if (explanations.empty())
    return std::unexpected{Error{EINVAL, "explain", std::string{errno_name} + " of " + std::string{call},
                                 "it is known of " + list(rows, &Meaning::call, error)}};
  return explanations;
}

}  // namespace ginnel::inventory
