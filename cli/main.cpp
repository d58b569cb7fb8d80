#include <algorithm>
#include <array>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "applets/applet.hpp"
#include "cleanup.hpp"
#include "ginnel/core/address.hpp"
#include "render/harmless.hpp"
#include "render/help.hpp"
#include "render/output.hpp"
#include "standard_streams.hpp"
#include "verbs.hpp"
#include "want_of_memory.hpp"

namespace ginnel::cli {
namespace {

const std::array all_verbs{&mk_verb,     &rm_verb,   &send_verb,   &recv_verb,    &relay_verb, &pipe_verb,
                           &lock_verb,   &sem_verb,  &fd_verb,     &signal_verb,  &run_verb,   &ls_verb,
                           &show_verb,   &why_verb,  &limits_verb, &explain_verb, &graph_verb, &gc_verb,
                           &applet_verb, &tour_verb, &bench_verb,  &choose_verb};

constexpr std::string_view exit_codes =
    "Exit codes\n"
    "  0  done\n"
    "  1  nothing found, would block, timed out, or the peer went before all was done\n"
    "  2  usage error, or refused: the message tells the object, cause and remedy\n"
    "  pipe, lock, run, fd recv and sem wait end with the code of the command that\n"
    "  they ran (128+N: signal N ended it)\n";

std::string overview_footer() {
  return "Addresses\n" + std::string{address_forms()} + "\n" + std::string{exit_codes} +
         "\n'ginnel VERB --help' has examples.";
}

std::string verb_footer(const Verb& verb) { return "Examples\n" + std::string{verb.examples}; }

void print_error(std::string_view where, std::string_view message) {
  note("{}: {}{}", where, harmless(message), message.ends_with('\n') ? "" : "\n");
}

/// The code to end with, unless what was printed has not arrived.
int ended(std::string_view who, int code) {
  auto written = output_written();
  if (written) return code;
  print_error(who, written.error().message());
  return exit_refused;
}

bool is_verb(std::string_view word) {
  return std::any_of(all_verbs.begin(), all_verbs.end(), [&](const Verb* verb) { return verb->name == word; });
}

int report_no_verb(const std::string& complaint) {
  print_error("ginnel", complaint + "; 'ginnel --help' lists the verbs");
  return exit_refused;
}

/// `send, recv`: the verbs that a verb has.
std::string verbs_of(const CLI::App& app) {
  std::string names;
  for (const CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; }))
    names.append(names.empty() ? "" : ", ").append(verb->get_name());
  return names;
}

/// CLI11 ends with codes of its own; ours are the documented ones.
int report_parse_failure(const CLI::App& app, const CLI::ParseError& failure) {
  if (failure.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success)) {
    const auto chosen = app.get_subcommands();
    if (dynamic_cast<const CLI::CallForVersion*>(&failure) != nullptr) {
      put("{}\n", failure.what());
    } else {
      put_text(app.help());  // of the verb that was chosen, if any
    }
    return ended(chosen.empty() ? "ginnel" : "ginnel " + chosen.front()->get_name(), exit_done);
  }
  const auto chosen = app.get_subcommands();
  const std::string who = chosen.empty() ? "ginnel" : "ginnel " + chosen.front()->get_name();
  const bool lacks_verb =
      !chosen.empty() && chosen.front()->get_require_subcommand_min() > 0 && chosen.front()->get_subcommands().empty();
  const std::string complaint = lacks_verb ? "say what to do: " + verbs_of(*chosen.front()) : failure.what();
  print_error(who, complaint + "\nsee '" + who + " --help'");
  return exit_refused;
}

/// Of the verb that was chosen: an option whose value is empty. It must not pass for one that was not given, as it would be
/// where a script's variable is not set.
const CLI::Option* empty_option(const CLI::App& app) {
  for (const CLI::Option* option : app.get_options()) {
    const auto& values = option->results();
    const bool named = !option->get_positional();
    if (named && std::find(values.begin(), values.end(), std::string{}) != values.end()) return option;
  }
  for (const CLI::App* chosen : app.get_subcommands())
    if (const CLI::Option* option = empty_option(*chosen)) return option;
  return nullptr;
}

bool is_control(char letter) noexcept { return static_cast<unsigned char>(letter) < ' ' || letter == '\x7f'; }

/// What the command line is about: a word of it that an error does not name by itself, where it failed at a pipe, a folder or /proc.
std::string object_of(const CLI::App& app, const std::string& message) {
  for (const CLI::App* chosen : app.get_subcommands())
    if (std::string object = object_of(*chosen, message); !object.empty()) return object;
  for (const CLI::Option* option : app.get_options()) {
    const std::string name = option->get_name(true);
    if (name != "ADDRESS" && name != "PATH" && name != "PROCESS" && name != "FROM") continue;
    std::vector<std::string> words = option->results();
    for (std::string& word : words) std::ranges::replace_if(word, is_control, '?');  // as in the message
    const auto is_told = [&](const std::string& word) {
      return message.find(word.substr(word.find(':') + 1)) != std::string::npos;
    };
    if (!words.empty() && std::none_of(words.begin(), words.end(), is_told)) return words.front();
  }
  return {};
}

/// `channel:/run/plan: socket: EMFILE: …`
std::string refusal_message(const CLI::App& app, const Error& error) {
  const std::string message = error.message();
  const std::string object = object_of(app, message);
  return object.empty() ? message : object + ": " + message;
}

std::string usage_message(const std::string& who, const Error& error) {
  const std::string object = error.object().empty() ? "" : on_one_line(error.object()) + ": ";
  return object + error.hint() + "\nsee '" + who + " --help'";
}

int run_verb_named(const Verb& verb, const CLI::App& app, const CommandRun& run, const TrailingWords& trailing) {
  const std::string who = "ginnel " + std::string{verb.name};
  if (const CLI::Option* option = empty_option(app)) {
    print_error(who, option->get_name() + ": its value is empty\nsee '" + who + " --help'");
    return exit_refused;
  }
  if (!trailing.empty() && verb.trailing.empty()) {
    print_error(who, "nothing is expected after '--'\nsee '" + who + " --help'");
    return exit_refused;
  }
  auto code = run(trailing);
  if (!code) {
    print_error(who, is_usage_error(code.error()) ? usage_message(who, code.error()) : refusal_message(app, code.error()));
    return exit_refused;
  }
  return ended(who, *code);
}

int run(std::vector<std::string> words) {
  const auto dashes = std::find(words.begin(), words.end(), "--");
  TrailingWords trailing;
  if (dashes != words.end()) {
    trailing.assign(dashes + 1, words.end());
    words.erase(dashes, words.end());
  }
  if (words.empty()) return report_no_verb("no verb is given");
  if (!words.front().starts_with('-') && !is_verb(words.front()))
    return report_no_verb("no verb '" + words.front() + "'");

  CLI::App app{"ginnel: every way two Linux processes can talk", "ginnel"};
  app.set_version_flag("--version", "ginnel " GINNEL_VERSION);
  app.require_subcommand(0, 1);  // no word after the verb is another one
  app.footer(overview_footer());
  const auto formatter = std::make_shared<HelpFormatter>();
  app.formatter(formatter);

  struct Defined {
    const Verb* verb;
    CLI::App* app;
    CommandRun run;
  };
  std::vector<Defined> defined;
  for (const Verb* verb : all_verbs) {
    CLI::App* sub = app.add_subcommand(std::string{verb->name}, std::string{verb->summary});
    sub->footer(verb_footer(*verb));
    sub->group("Verbs");
    formatter->add_trailing(sub, verb->trailing);
    defined.push_back({verb, sub, verb->define(VerbOptions{*sub})});
  }

  std::reverse(words.begin(), words.end());  // CLI11 takes them from the back
  try {
    app.parse(std::move(words));
  } catch (const CLI::ParseError& failure) {
    return report_parse_failure(app, failure);
  }
  for (const Defined& candidate : defined)
    if (candidate.app->parsed()) return run_verb_named(*candidate.verb, *candidate.app, candidate.run, trailing);
  return report_no_verb("no verb is given");
}

}  // namespace

}  // namespace ginnel::cli

int main(int argc, char** argv) try {
  ginnel::cli::have_want_of_memory_thrown();
  ginnel::cli::keep_closed_streams_closed();
  ginnel::cli::have_file_size_limit_told();
  if (const auto code = ginnel::cli::run_as_applet(argc, argv)) return *code;
  ginnel::cli::install_cleanup_on_signals();
  return ginnel::cli::run({argv + 1, argv + argc});
} catch (const std::bad_alloc&) {
  ginnel::cli::tell_want_of_memory();
  return ginnel::cli::exit_refused;
}
