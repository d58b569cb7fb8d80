#include <fmt/core.h>
#include <fmt/ranges.h>
#include <unistd.h>
#include <csignal>
#include <memory>
#include <optional>

#include "foreground.hpp"
#include "ginnel/sys/pipeline.hpp"
#include "options.hpp"
#include "render/json.hpp"
#include "render/output.hpp"
#include "render/table.hpp"
#include "verbs.hpp"

// `ginnel pipe`: commands joined as a shell's `a | b | c`, each one's end told.

namespace ginnel::cli {
namespace {

using namespace std::chrono_literals;

struct PipeArguments {
  bool status = false;
  bool json = false;
  bool last = false;
  std::string separator = "|";
  WaitOptions wait;
};

constexpr auto grace_after_timeout = 2s;

Result<std::vector<Command>> split_stages(const TrailingWords& words, const std::string& separator) {
  if (words.empty())
    return std::unexpected{usage_error("", "no command; write them after '--': ginnel pipe -- date '|' wc -c")};
  std::vector<Command> stages(1);
  for (const std::string& word : words) {
    if (word == separator)
      stages.emplace_back();
    else
      stages.back().push_back(word);
  }
  for (std::size_t i = 0; i < stages.size(); ++i)
    if (stages[i].empty())
      return std::unexpected{
          usage_error("", fmt::format("stage {} of {} is empty: a command is expected on both sides of each '{}'",
                                      i + 1, stages.size(), separator))};
  return stages;
}

/// A command that a later one left without a reader, while all the others did well, has not failed: `yes | head -1`.
std::optional<std::size_t> failed_stage(const std::vector<ExitStatus>& statuses) {
  const auto first = first_failure(statuses);
  if (!first) return std::nullopt;
  const bool reader_had_enough = statuses[*first].how == ExitStatus::How::killed && statuses[*first].value == SIGPIPE &&
                                 *first + 1 < statuses.size();
  return reader_had_enough ? std::nullopt : first;
}

void print_status_table(const std::vector<Command>& stages, const std::vector<ExitStatus>& statuses) {
  const Screen screen = Screen::of(STDERR_FILENO);
  const auto failed = failed_stage(statuses);
  Table table{{{"#", Align::right}, {"ended"}, {"command", Align::left, true}}};
  for (std::size_t i = 0; i < stages.size(); ++i) {
    const Colour colour = statuses[i].success() ? Colour::green : failed == i ? Colour::red : Colour::yellow;
    table.add_row(
        {{std::to_string(i + 1)}, {statuses[i].to_string(), colour}, {fmt::format("{}", fmt::join(stages[i], " "))}});
  }
  note_text(table.render(screen));
}

Json status_json(const std::vector<Command>& stages, const std::vector<ExitStatus>& statuses, bool timed_out) {
  Json commands = Json::array();
  for (std::size_t i = 0; i < stages.size(); ++i) {
    const bool exited = statuses[i].how == ExitStatus::How::exited;
    commands.push_back({{"command", stages[i]},
                        {"exit", exited ? Json(statuses[i].value) : Json()},
                        {"signal", exited ? Json() : Json(signal_name(statuses[i].value))}});
  }
  const auto failed = failed_stage(statuses);
  return {{"commands", std::move(commands)}, {"failed", failed ? Json(*failed) : Json()}, {"timed_out", timed_out}};
}

/// Asks all to end, and after a grace makes them.
Result<void> end_commands(Pipeline& pipeline, Foreground& foreground) {
  if (auto sent = pipeline.signal_all(SIGTERM); !sent) return sent;
  auto ended = foreground.wait_for(pipeline.processes(), Deadline::after(grace_after_timeout));
  if (!ended) return std::unexpected{ended.error()};
  return ended->is<TimedOut>() ? pipeline.signal_all(SIGKILL) : Result<void>{};
}

Result<int> run_pipe(const PipeArguments& arguments, const TrailingWords& words) {
  auto stages = split_stages(words, arguments.separator);
  if (!stages) return std::unexpected{stages.error()};
  auto deadline = arguments.wait.deadline();
  if (!deadline) return std::unexpected{deadline.error()};

  auto foreground = Foreground::begin();
  if (!foreground) return std::unexpected{foreground.error()};
  auto pipeline = Pipeline::start(*stages, {.end_with_parent = true});
  if (!pipeline) return std::unexpected{pipeline.error()};

  auto waited = foreground->wait_for(pipeline->processes(), *deadline);
  if (!waited) return std::unexpected{waited.error()};
  const bool timed_out = waited->is<TimedOut>();
  if (timed_out)
    if (auto ended = end_commands(*pipeline, *foreground); !ended) return std::unexpected{ended.error()};

  auto collected = pipeline->wait();
  if (!collected) return std::unexpected{collected.error()};
  const auto& statuses = collected->as<std::vector<ExitStatus>>();

  if (arguments.json)
    note_text(to_text(status_json(*stages, statuses, timed_out)));
  else if (arguments.status)
    print_status_table(*stages, statuses);
  if (timed_out) return nothing(pipe_verb, "not done in time; its commands were ended");
  if (arguments.last) return exit_code_of(statuses.back());
  const auto failed = failed_stage(statuses);
  return failed ? exit_code_of(statuses[*failed]) : int{exit_done};
}

CommandRun define_pipe(const VerbOptions& options) {
  auto arguments = std::make_shared<PipeArguments>();
  options.add_flag("--status", arguments->status, "Tell on standard error how each command ended");
  options.add_flag("--json", arguments->json,
                   "The same as JSON: {commands: [{command, exit, signal}], failed, timed_out}");
  options.add_flag("--last", arguments->last, "End with the last command's code, as shells do by default");
  options.add_option("--separator", arguments->separator, "The word between two commands (default '|')")
      .type_name("WORD");
  arguments->wait.add_timeout_to(options,
                                 "End the commands (SIGTERM, after 2 s SIGKILL) and end with 1 after this long");
  return [arguments](const TrailingWords& words) { return run_pipe(*arguments, words); };
}

}  // namespace

const Verb pipe_verb{"pipe", "Run commands joined by pipes, and tell how each ended",
                     "  ginnel pipe -- printf 'hello\\n' '|' sed s/h/H/\n"
                     "  ginnel pipe --status -- sh -c 'echo a; exit 3' '|' cat\n"
                     "  ginnel pipe --json --separator , -- seq 3 , sort -rn , head -1\n"
                     "  ginnel pipe --timeout 200ms -- sleep 10 '|' cat\n"
                     "\n"
                     "Ends with the code of the first command that failed, 0 when none did (--last:\n"
                     "the code of the last one). One that SIGPIPE ended, since a later one had read\n"
                     "enough, has not failed: yes '|' head -1. Signals are passed on to all\n"
                     "commands, and they are waited for; if ginnel is killed, they are too.\n",
                     "-- COMMAND... '|' COMMAND...", define_pipe};

}  // namespace ginnel::cli
