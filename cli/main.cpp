#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "applets/applet.hpp"
#include "cleanup.hpp"
#include "ginnel/core/address.hpp"
#include "render/help.hpp"
#include "verbs.hpp"

namespace ginnel::cli {
namespace {

const std::array all_verbs{&mk_verb,     &rm_verb,      &send_verb,   &recv_verb, &relay_verb,  &pipe_verb, &lock_verb,
                           &sem_verb,    &fd_verb,      &signal_verb, &run_verb,  &ls_verb,     &show_verb, &why_verb,
                           &limits_verb, &explain_verb, &graph_verb,  &gc_verb,   &applet_verb, &tour_verb};

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

void print_error(std::string_view where, const std::string& message) {
  std::fprintf(stderr, "%.*s: %s\n", static_cast<int>(where.size()), where.data(), message.c_str());
}

/// CLI11 ends with codes of its own; ours are the documented ones.
int report_parse_failure(const CLI::App& app, const CLI::ParseError& failure) {
  if (failure.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success)) {
    const auto chosen = app.get_subcommands();
    if (dynamic_cast<const CLI::CallForVersion*>(&failure) != nullptr) {
      std::puts(failure.what());
    } else {
      std::fputs(app.help().c_str(), stdout);  // of the verb that was chosen, if any
    }
    return std::fflush(stdout) == 0 ? exit_done : exit_refused;
  }
  const auto chosen = app.get_subcommands();
  const std::string who = chosen.empty() ? "ginnel" : "ginnel " + chosen.front()->get_name();
  print_error(who, std::string{failure.what()} + "\nsee '" + who + " --help'");
  return exit_refused;
}

std::string usage_message(const std::string& who, const Error& error) {
  const std::string object = error.object().empty() ? "" : error.object() + ": ";
  return object + error.hint() + "\nsee '" + who + " --help'";
}

int run_verb_named(const Verb& verb, const CommandRun& run, const TrailingWords& trailing) {
  const std::string who = "ginnel " + std::string{verb.name};
  if (!trailing.empty() && !verb.takes_trailing) {
    print_error(who, "nothing is expected after '--'\nsee '" + who + " --help'");
    return exit_refused;
  }
  auto code = run(trailing);
  if (!code) {
    print_error(who, is_usage_error(code.error()) ? usage_message(who, code.error()) : code.error().message());
    return exit_refused;
  }
  if (std::fflush(stdout) != 0) {
    print_error(who, Error::last("write", "standard output").message());
    return exit_refused;
  }
  return *code;
}

int run(std::vector<std::string> words) {
  const auto dashes = std::find(words.begin(), words.end(), "--");
  TrailingWords trailing;
  if (dashes != words.end()) {
    trailing.assign(dashes + 1, words.end());
    words.erase(dashes, words.end());
  }

  CLI::App app{"ginnel: every way two Linux processes can talk", "ginnel"};
  app.set_version_flag("--version", "ginnel " GINNEL_VERSION);
  app.require_subcommand(1);
  app.footer(overview_footer());
  app.formatter(std::make_shared<HelpFormatter>());

  struct Defined {
    const Verb* verb;
    CLI::App* app;
    CommandRun run;
  };
  std::vector<Defined> defined;
  for (const Verb* verb : all_verbs) {
    CLI::App* sub = app.add_subcommand(std::string{verb->name}, std::string{verb->summary});
    sub->footer(verb_footer(*verb));
    defined.push_back({verb, sub, verb->define(*sub)});
  }

  std::reverse(words.begin(), words.end());  // CLI11 takes them from the back
  try {
    app.parse(std::move(words));
  } catch (const CLI::ParseError& failure) {
    return report_parse_failure(app, failure);
  }
  for (const Defined& candidate : defined)
    if (candidate.app->parsed()) return run_verb_named(*candidate.verb, candidate.run, trailing);
  return exit_refused;
}

}  // namespace

}  // namespace ginnel::cli

int main(int argc, char** argv) {
  if (const auto code = ginnel::cli::run_as_applet(argc, argv)) return *code;
  ginnel::cli::install_cleanup_on_signals();
  return ginnel::cli::run({argv + 1, argv + argc});
}
