#include <unistd.h>

#include <map>
#include <memory>
#include <string>

#include "bench/state_file.hpp"
#include "choose/answer.hpp"
#include "choose/costs.hpp"
#include "choose/need_words.hpp"
#include "ginnel/measure/choice.hpp"
#include "options.hpp"
#include "render/output.hpp"
#include "verbs.hpp"

// `ginnel choose`: which mechanism for these needs, on this machine.

namespace ginnel::cli {
namespace {

struct ChooseArguments {
  std::map<std::string_view, std::string> words;  ///< by NeedWord::name
  std::map<std::string_view, bool> flags;
  std::string file;
  std::string bench;
  bool table = false;
  bool markdown = false;
  bool json = false;
};

Result<measure::Needs> needs_of(const ChooseArguments& arguments) {
  measure::Needs needs;
  bool any = !arguments.file.empty();
  if (any)
    if (auto read = choose::read_needs(arguments.file, needs); !read) return std::unexpected{read.error()};
  for (const choose::NeedWord& word : choose::need_words()) {
    const auto text = arguments.words.find(word.name);
    const auto flag = arguments.flags.find(word.name);
    const bool is_given = word.value.empty() ? flag != arguments.flags.end() && flag->second
                                             : text != arguments.words.end() && !text->second.empty();
    if (!is_given) continue;
    any = true;
    if (auto applied = word.apply(needs, word.value.empty() ? "" : text->second); !applied)
      return std::unexpected{applied.error()};
  }
  if (any) return needs;
  if (::isatty(STDIN_FILENO) != 1)
    return std::unexpected{usage_error("needs", "say what is needed: --for messages, …, or --needs FILE")};
  if (auto asked = choose::ask_for_needs(needs); !asked) return std::unexpected{asked.error()};
  return needs;
}

Result<int> show_knowledge(const ChooseArguments& arguments) {
  if (arguments.json)
    put_text(to_text(choose::knowledge_json()));
  else
    put_text(arguments.markdown ? choose::knowledge_markdown() : choose::knowledge_text(Screen::of(STDOUT_FILENO)));
  return exit_done;
}

Result<int> run_choose(const ChooseArguments& arguments) {
  if (arguments.table || arguments.markdown) return show_knowledge(arguments);
  const auto needs = needs_of(arguments);
  if (!needs) return std::unexpected{needs.error()};
  const auto stored = choose::stored_costs(arguments.bench.empty() ? bench::state_path() : arguments.bench);
  if (!stored) return std::unexpected{stored.error()};
  const auto ranking = measure::choose(*needs, stored->costs);
  if (arguments.json)
    put_text(to_text(choose::answer_json(ranking, *stored)));
  else
    put_text(choose::answer_text(ranking, *stored, Screen::of(STDOUT_FILENO)));
  return ranking.front().fits() ? exit_done : exit_nothing;
}

CommandRun define_choose(const VerbOptions& options) {
  auto arguments = std::make_shared<ChooseArguments>();
  for (const choose::NeedWord& word : choose::need_words()) {
    const std::string name = "--" + std::string{word.name};
    if (word.value.empty())
      options.add_flag(name, arguments->flags[word.name], std::string{word.help});
    else
      options.add_option(name, arguments->words[word.name], std::string{word.help}).type_name(std::string{word.value});
  }
  options.add_option("--needs", arguments->file, "The same words from a file, one a line: size 4K").type_name("FILE");
  options.add_option("--bench", arguments->bench, "Costs from this report instead of the last run's").type_name("FILE");
  options.add_flag("--table", arguments->table, "Print what is known of every mechanism");
  options.add_flag("--markdown", arguments->markdown, "The same, as docs/MECHANISMS.md has it");
  add_json_flag(options, arguments->json);
  return [arguments](const TrailingWords&) { return run_choose(*arguments); };
}

}  // namespace

const Verb choose_verb{"choose", "Find the mechanism for what is needed",
                       "  ginnel choose --for messages --receivers all --latency 2us --mode polling\n"
                       "  ginnel choose --for jobs --receivers share --survives --redelivers\n"
                       "  ginnel choose --for calls --trust hostile --descriptors --json\n"
                       "  ginnel choose                  # asks\n"
                       "\n"
                       "All mechanisms are told, those that fit first: of them the simplest that is\n"
                       "quick enough. Ends with 1 when none fits.\n",
                       "", define_choose};

}  // namespace ginnel::cli
