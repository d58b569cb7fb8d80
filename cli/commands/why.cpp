#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

#include "ginnel/inventory.hpp"
#include "inventory/coverage_text.hpp"
#include "options.hpp"
#include "render/harmless.hpp"
#include "render/json.hpp"
#include "render/output.hpp"
#include "render/table.hpp"
#include "verbs.hpp"

// `ginnel why`: what a process waits for, who holds that up, and so on to the culprit.

namespace ginnel::cli {
namespace {

using inventory::ChainEnd;
using inventory::ProcessInfo;
using inventory::Snapshot;
using inventory::WaitChain;

constexpr std::string_view not_to_be_asked = "what it waits for may not be asked";

struct WhyArguments {
  std::optional<pid_t> pid;
  bool deadlocks = false;
  bool json = false;
};

Json to_json(const std::vector<inventory::WatchedObject>& watches) {
  Json list = Json::array();
  for (const inventory::WatchedObject& watch : watches)
    list.push_back(
        {{"object", watch.object.to_string()}, {"wait", to_string(watch.wait)}, {"culprits", watch.culprits}});
  return list;
}

Json to_json(const WaitChain& chain) {
  Json steps = Json::array();
  for (const inventory::WaitStep& step : chain.steps)
    steps.push_back({{"pid", step.pid},
                     {"tid", step.tid},
                     {"wait", to_string(step.wait)},
                     {"object", step.object ? Json(step.object->to_string()) : Json(nullptr)},
                     {"text", step.text},
                     {"culprits", step.culprits},
                     {"watches", to_json(step.watches)}});
  return {{"end", to_string(chain.end)},
          {"culprit", chain.last == 0 ? Json(nullptr) : Json(chain.last)},
          {"text", chain.text},
          {"steps", std::move(steps)}};
}

std::string command_of(const Snapshot& snapshot, pid_t pid) {
  const inventory::ProcessInfo* process = snapshot.process(pid);
  return fmt::format("{}({})", process == nullptr ? "?" : process->command, pid);
}

/// How many could end a wait on the way whom the chain does not follow; of the last one its end tells.
std::string others_at(const WaitChain& chain, std::size_t place) {
  if (chain.end == ChainEnd::deadlock || place + 1 == chain.steps.size()) return {};
  const inventory::WaitStep& step = chain.steps[place];
  if (step.wait == inventory::Wait::poll || step.wait == inventory::Wait::lock) return {};
  const auto others =
      std::ranges::count_if(step.culprits, [&](pid_t pid) { return pid != chain.steps[place + 1].pid; });
  if (others == 0) return {};
  return fmt::format("; {} other{} could end that too", others, others == 1 ? "" : "s");
}

std::string to_text(const Snapshot& snapshot, const WaitChain& chain, const Screen& screen) {
  std::string text;
  std::string indent;
  for (std::size_t place = 0; place < chain.steps.size(); ++place) {
    const inventory::WaitStep& step = chain.steps[place];
    const std::string thread = step.tid == step.pid ? "" : fmt::format(" thread {}", step.tid);
    text +=
        fmt::format("{}{}{} {}\n", indent, coloured(on_one_line(command_of(snapshot, step.pid)), Colour::bold, screen),
                    thread, on_one_line(step.text + others_at(chain, place)));
    indent += "  ";
  }
  const Colour colour = chain.end == ChainEnd::deadlock ? Colour::red : Colour::yellow;
  return text + indent + coloured(on_one_line(chain.text), colour, screen) + "\n";
}

Result<std::vector<WaitChain>> chains_of(const Snapshot& snapshot, const WhyArguments& arguments) {
  if (arguments.deadlocks) return inventory::deadlocks(snapshot);
  return inventory::why(snapshot, *arguments.pid);
}

Result<int> run_why(const WhyArguments& arguments) {
  if (arguments.pid.has_value() == arguments.deadlocks)
    return std::unexpected{usage_error("", "name a process, or ask for --deadlocks")};
  const auto snapshot = inventory::scan();
  if (!snapshot) return std::unexpected{snapshot.error()};
  const auto chains = chains_of(*snapshot, arguments);
  if (!chains && chains.error().code() == ESRCH)
    return nothing(why_verb, fmt::format("pid {}: no such process", *arguments.pid));
  if (!chains) return std::unexpected{chains.error()};

  const ProcessInfo* asked = arguments.pid ? snapshot->process(*arguments.pid) : nullptr;
  const bool is_hidden = chains->empty() && asked != nullptr && !asked->waits_readable;
  if (arguments.json && is_hidden) {
    put_text(cli::to_text(Json{{"chains", nullptr}, {"missing", {{"chains", not_to_be_asked}}}}));
  } else if (arguments.json) {
    Json list = Json::array();
    for (const WaitChain& chain : *chains) list.push_back(to_json(chain));
    put_text(cli::to_text(Json{{"chains", std::move(list)}}));
  } else {
    const Screen screen = Screen::of(STDOUT_FILENO);
    bool first = true;
    for (const WaitChain& chain : *chains) {
      put("{}{}", first ? "" : "\n", to_text(*snapshot, chain, screen));
      first = false;
    }
    note_text(coverage_text(snapshot->coverage));
  }
  if (!chains->empty()) return exit_done;
  if (arguments.deadlocks) return nothing(why_verb, "no deadlock is to be seen");
  if (is_hidden)
    return nothing(why_verb, fmt::format("{}: {}", command_of(*snapshot, *arguments.pid), not_to_be_asked));
  return nothing(why_verb, fmt::format("{} waits for no IPC object", command_of(*snapshot, *arguments.pid)));
}

CommandRun define_why(const VerbOptions& options) {
  auto arguments = std::make_shared<WhyArguments>();
  options.add_option("PID", arguments->pid, "The process that does not go on");
  options.add_flag("--deadlocks", arguments->deadlocks, "All deadlocks of the machine instead");
  add_json_flag(options, arguments->json);
  return [arguments](const TrailingWords&) { return run_why(*arguments); };
}

}  // namespace

const Verb why_verb{"why", "Tell what a process waits for, down to the culprit",
                    "  ginnel why 1234\n"
                    "  ginnel why --deadlocks\n"
                    "  ginnel why $(pidof app) --json\n",
                    "", define_why};

}  // namespace ginnel::cli
