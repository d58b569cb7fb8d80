#include <unistd.h>

#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "ginnel/inventory.hpp"
#include "inventory/belonging.hpp"
#include "inventory/coverage_text.hpp"
#include "inventory/plan_json.hpp"
#include "options.hpp"
#include "render/output.hpp"
#include "render/table.hpp"
#include "verbs.hpp"

// `ginnel gc`: a plan of what may go, with the reasons. Only --apply removes anything, and only what is in the plan.

namespace ginnel::cli {
namespace {

using inventory::Removal;
using inventory::Verdict;

struct GcArguments {
  std::vector<std::string> kinds;
  std::string older = "60";
  std::string apply;
  std::vector<std::string> names;
  bool json = false;
};

Result<inventory::PlanOptions> plan_options(const GcArguments& arguments) {
  inventory::PlanOptions options;
  for (const std::string& text : arguments.kinds) {
    const auto kind = inventory::parse_kind(text);
    if (!kind) return std::unexpected{usage_error("--kind " + text, kind.error().hint())};
    options.kinds.insert(*kind);
  }
  const auto older = parse_duration(arguments.older);
  if (!older) return std::unexpected{older.error()};
  options.older_than = std::chrono::ceil<std::chrono::seconds>(*older);
  return options;
}

std::string sentence(const std::vector<std::string>& reasons) {
  std::string text;
  for (const std::string& reason : reasons) text += (text.empty() ? "" : "; ") + reason;
  return text;
}

/// Two entries may have one name, in two mount namespaces.
std::string name_in(const inventory::Snapshot& snapshot, const inventory::PlanEntry& entry) {
  const inventory::Object* object = snapshot.object(entry.id);
  const std::string place = object != nullptr ? foreign_place(snapshot, *object) : std::string{};
  return place.empty() ? entry.name : entry.name + " (" + place + ")";
}

int print_plan(const inventory::Snapshot& snapshot, const inventory::Plan& plan) {
  Table table{{{"VERDICT"}, {"KIND"}, {"NAME", Align::left, true}, {"BECAUSE", Align::left, true}}};
  std::size_t safe = 0;
  for (const inventory::PlanEntry& entry : plan.entries) {
    const bool is_safe = entry.judgement.verdict == Verdict::safe;
    safe += is_safe ? 1 : 0;
    table.add_row({{std::string{to_string(entry.judgement.verdict)}, is_safe ? Colour::green : Colour::yellow},
                   {std::string{to_string(entry.id.kind)}},
                   {name_in(snapshot, entry)},
                   {sentence(entry.judgement.reasons)}});
  }
  put("{}\nplan {}: {} safe, {} likely. Nothing was removed.\n", table.render(Screen::of(STDOUT_FILENO)), plan.id, safe,
      plan.entries.size() - safe);
  put("To remove: ginnel gc --json > plan.json, read it, then ginnel gc --apply plan.json\n");
  return exit_done;
}

Result<int> make(const GcArguments& arguments) {
  if (!arguments.names.empty()) return std::unexpected{usage_error("--name", "it goes with --apply")};
  const auto options = plan_options(arguments);
  if (!options) return std::unexpected{options.error()};
  const auto snapshot = inventory::scan();
  if (!snapshot) return std::unexpected{snapshot.error()};
  const inventory::Plan plan = inventory::make_plan(*snapshot, *options);
  if (arguments.json) {
    put_text(to_text(to_json(plan)));
    return plan.entries.empty() ? exit_nothing : exit_done;
  }
  note_text(coverage_text(snapshot->coverage));
  return plan.entries.empty() ? nothing(gc_verb, "nothing that nobody uses is to be seen")
                              : print_plan(*snapshot, plan);
}

Result<std::string> read_plan(const std::string& path) {
  const auto read_all = [](std::istream& stream) {
    return std::string{std::istreambuf_iterator<char>{stream}, std::istreambuf_iterator<char>{}};
  };
  if (path == "-") return read_all(std::cin);
  std::ifstream file{path};
  if (!file) return std::unexpected{Error::last("open", path)};
  return read_all(file);
}

/// A likely entry is named by its address or its uid.
Result<inventory::ExecuteOptions> named_entries(const inventory::Plan& plan, const std::vector<std::string>& names) {
  inventory::ExecuteOptions options;
  if (names.empty()) return options;
  std::unordered_map<std::string, std::vector<inventory::ObjectId>> entries;
  for (const inventory::PlanEntry& entry : plan.entries) {
    entries[entry.id.to_string()].push_back(entry.id);
    entries[entry.name].push_back(entry.id);
  }
  for (const std::string& name : names) {
    const auto entry = entries.find(name);
    if (entry == entries.end()) return std::unexpected{usage_error("--name " + name, "the plan has no such entry")};
    const std::vector<inventory::ObjectId>& meant = entry->second;
    if (meant.size() > 1)
      return std::unexpected{
          usage_error("--name " + name, "the plan has several of that name: name one by its uid, as " +
                                            meant[0].to_string() + " or " + meant[1].to_string())};
    options.named.insert(meant.front());
  }
  return options;
}

int print_reports(const std::vector<inventory::RemovalReport>& reports, bool json) {
  Json list = Json::array();
  Table table{{{"RESULT"}, {"NAME", Align::left, true}, {"WHY", Align::left, true}}};
  int code = exit_done;
  for (const inventory::RemovalReport& report : reports) {
    list.push_back(to_json(report));
    const Colour colour = report.result == Removal::removed   ? Colour::green
                          : report.result == Removal::refused ? Colour::red
                                                              : Colour::yellow;
    table.add_row({{std::string{to_string(report.result)}, colour}, {report.entry.name}, {report.text}});
    if (report.result == Removal::refused) code = exit_refused;
  }
  put_text(json ? to_text(Json{{"results", std::move(list)}}) : table.render(Screen::of(STDOUT_FILENO)));
  return code;
}

Result<int> apply(const GcArguments& arguments) {
  if (!arguments.kinds.empty())
    return std::unexpected{usage_error("--kind", "a plan that is applied has its kinds already")};
  const auto text = read_plan(arguments.apply);
  if (!text) return std::unexpected{text.error()};
  const auto plan = parse_plan(*text);
  if (!plan) return std::unexpected{plan.error()};
  const auto named = named_entries(*plan, arguments.names);
  if (!named) return std::unexpected{named.error()};
  const auto reports = inventory::execute(*plan, *named);
  if (!reports) return std::unexpected{reports.error()};
  return print_reports(*reports, arguments.json);
}

CommandRun define_gc(const VerbOptions& options) {
  auto arguments = std::make_shared<GcArguments>();
  options.add_option("--kind", arguments->kinds, "Only this kind; may be given several times");
  options.add_option("--older", arguments->older, "Only what was not used or changed for so long");
  options.add_option("--apply", arguments->apply, "Remove what the plan in this file (or '-') calls safe");
  options.add_option("--name", arguments->names, "With --apply: remove this entry too, though it is only likely");
  add_json_flag(options, arguments->json);
  return [arguments](const TrailingWords&) { return arguments->apply.empty() ? make(*arguments) : apply(*arguments); };
}

}  // namespace

const Verb gc_verb{"gc", "Plan what may be removed, and why; remove by plan",
                   "  ginnel gc                      # a plan; nothing is removed\n"
                   "  ginnel gc --kind sysv-shm --older 1h --json > plan.json\n"
                   "  ginnel gc --apply plan.json    # what the plan calls safe, checked again\n"
                   "  ginnel gc --apply plan.json --name mq:/old   # this one too, only likely\n",
                   "", define_gc};

}  // namespace ginnel::cli
