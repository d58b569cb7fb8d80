#include <fmt/core.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <functional>
#include <iterator>
#include <map>
#include <memory>

#include "ginnel/inventory.hpp"
#include "inventory/asked_process.hpp"
#include "inventory/coverage_text.hpp"
#include "inventory/facts_json.hpp"
#include "options.hpp"
#include "render/harmless.hpp"
#include "render/output.hpp"
#include "render/size.hpp"
#include "render/table.hpp"
#include "verbs.hpp"

// `ginnel limits`: every limit that IPC can meet, with its use and what happens when it is reached.

namespace ginnel::cli {
namespace {

using inventory::Limit;

struct LimitsArguments {
  std::optional<pid_t> pid;
  bool near = false;
  bool json = false;
};

Json to_json(const Limit& limit) {
  Json json{{"name", limit.name},
            {"place", limit.place.empty() ? Json(nullptr) : Json(limit.place)},
            {"scope", to_string(limit.scope)}};
  Facts facts{json};
  facts.add("value", limit.value);
  facts.add("used", limit.used);
  json["unit"] = limit.unit;
  json["nearly_reached"] = limit.nearly_reached();
  json["at_limit"] = limit.at_limit;
  json["raise"] = limit.raise;
  json["estimate"] = limit.estimate.empty() ? Json(nullptr) : Json(limit.estimate);
  Json consumers = Json::array();
  for (const auto& consumer : limit.consumers)
    consumers.push_back({{"who", consumer.who}, {"amount", consumer.amount}});
  json["consumers"] = std::move(consumers);
  facts.finish();
  return json;
}

std::string amount(std::uint64_t value, std::string_view unit) {
  return unit == "bytes" ? short_size(value) : std::to_string(value);
}

/// For people: a number that no one counts to is told by its size.
std::string short_amount(std::uint64_t value, std::string_view unit) {
  constexpr std::uint64_t countless = 1'000'000'000'000;
  if (unit != "bytes" && value >= countless) return fmt::format("{:.1e}", static_cast<double>(value));
  return amount(value, unit);
}

/// An estimate has a tilde in front; what is not known is a dash, unless it is that there is no limit.
std::string value_text(const Limit& limit) {
  if (limit.value) return short_amount(*limit.value, limit.unit);
  return limit.value.reason() == "unlimited" ? "unlimited" : "-";
}
std::string used_text(const Limit& limit) {
  if (!limit.used) return "-";
  return (limit.estimate.empty() ? "" : "~") + amount(*limit.used, limit.unit);
}

std::string name_text(const Limit& limit) { return limit.place.empty() ? limit.name : limit.name + " " + limit.place; }

/// What happens at the limit stands beside it, or in a list of its own where the screen is too narrow for both.
void print_table(const std::vector<Limit>& limits, const Screen& screen) {
  constexpr int width_for_all = 140;
  constexpr std::string_view what_happens = "WHEN IT IS REACHED";
  const bool is_narrow = screen.width && *screen.width < width_for_all;
  std::vector<Column> columns{{"LIMIT", Align::left, true},
                              {"OF"},
                              {"USED", Align::right},
                              {"VALUE", Align::right},
                              {"UNIT", Align::left, true}};
  if (!is_narrow) columns.push_back({std::string{what_happens}, Align::left, true});
  Table table{std::move(columns)};
  Table below{{{"LIMIT", Align::left, true}, {std::string{what_happens}, Align::left, true}}};
  for (const Limit& limit : limits) {
    const Colour colour = limit.nearly_reached() ? Colour::red : Colour::none;
    const Cell name{name_text(limit), colour};
    const Cell happens{std::string{limit.at_limit}};
    std::vector<Cell> cells{name,
                            {std::string{to_string(limit.scope)}},
                            {used_text(limit), colour},
                            {value_text(limit)},
                            {std::string{limit.unit}}};
    if (!is_narrow) cells.push_back(happens);
    table.add_row(cells);
    below.add_row({name, happens});
  }
  put_text(table.render(screen));
  if (is_narrow) put("\n{}", below.render(screen));
}

/// What each dash of the table stands for.
void print_reasons(const std::vector<Limit>& limits, const Screen& screen) {
  std::map<std::pair<std::string_view, std::string_view>, std::string> names;  // by column and reason
  const auto add = [&](std::string_view column, const inventory::Fact<std::uint64_t>& fact, const Limit& limit) {
    if (fact || fact.reason() == "unlimited") return;
    std::string& list = names[{column, fact.reason()}];
    if (const std::string name = name_text(limit); !list.ends_with(name))  // of bytes and of inodes
      list += (list.empty() ? "" : ", ") + name;
  };
  for (const Limit& limit : limits) {
    add("USED", limit.used, limit);
    add("VALUE", limit.value, limit);
  }
  if (names.empty()) return;
  Table table{{{"-"}, {"BECAUSE", Align::left, true}, {"OF", Align::left, true}}};
  for (const auto& [key, list] : names) table.add_row({{std::string{key.first}}, {std::string{key.second}}, {list}});
  put("\n{}", table.render(screen));
}

void print_remedies(const std::vector<Limit>& limits, const Screen& screen) {
  for (const Limit& limit : limits) {
    if (!limit.nearly_reached()) continue;
    put("\n{}: nearly reached. To raise it: {}\n", coloured(on_one_line(name_text(limit)), Colour::red, screen),
        on_one_line(limit.raise));
    for (const auto& consumer : limit.consumers)
      put("  {} has {}\n", on_one_line(consumer.who), amount(consumer.amount, limit.unit));
  }
}

/// What is nearly reached, and then, unless that is all that was asked for, the rest in its order.
std::vector<Limit> most_urgent_first(const std::vector<Limit>& limits, bool near_only) {
  std::vector<Limit> sorted;
  std::ranges::copy_if(limits, std::back_inserter(sorted), &Limit::nearly_reached);
  if (!near_only) std::ranges::copy_if(limits, std::back_inserter(sorted), std::not_fn(&Limit::nearly_reached));
  return sorted;
}

Result<int> run_limits(const LimitsArguments& arguments) {
  const auto snapshot = inventory::scan();
  if (!snapshot) return std::unexpected{snapshot.error()};
  const pid_t pid = asked_process(*snapshot, arguments.pid);
  auto limits = inventory::limits(*snapshot, pid);
  if (!limits && limits.error().code() == ESRCH)
    return nothing(limits_verb, fmt::format("pid {}: no such process", pid));
  if (!limits) return std::unexpected{limits.error()};
  limits = most_urgent_first(*limits, arguments.near);

  const inventory::ProcessInfo& process = *snapshot->process(pid);
  if (arguments.json) {
    Json list = Json::array();
    for (const Limit& limit : *limits) list.push_back(to_json(limit));
    put_text(to_text(Json{{"limits_schema", 1}, {"pid", pid}, {"limits", std::move(list)}}));
    return limits->empty() ? exit_nothing : exit_done;
  }
  note_text(coverage_text(snapshot->coverage));
  if (limits->empty())
    return nothing(limits_verb, fmt::format("no limit of {}({}) is nearly reached", process.command, pid));
  const Screen screen = Screen::of(STDOUT_FILENO);
  put("limits of {}({})\n", coloured(on_one_line(process.command), Colour::bold, screen), pid);
  print_table(*limits, screen);
  print_reasons(*limits, screen);
  print_remedies(*limits, screen);
  return exit_done;
}

CommandRun define_limits(const VerbOptions& options) {
  auto arguments = std::make_shared<LimitsArguments>();
  options.add_option("--pid", arguments->pid,
                     "The process whose limits are told; without it, the caller's (the shell)");
  options.add_flag("--near", arguments->near, "Only limits of which nine tenths are used");
  add_json_flag(options, arguments->json);
  return [arguments](const TrailingWords&) { return run_limits(*arguments); };
}

}  // namespace

const Verb limits_verb{"limits", "Show every IPC limit, its use, and what happens when it is reached",
                       "  ginnel limits\n"
                       "  ginnel limits --pid $(pidof app) --near   # what it will meet next\n"
                       "  ginnel limits --json\n",
                       "", define_limits};

}  // namespace ginnel::cli
