#include <fmt/core.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <charconv>
#include <memory>

#include "ginnel/inventory.hpp"
#include "inventory/asked_process.hpp"
#include "inventory/coverage_text.hpp"
#include "options.hpp"
#include "render/json.hpp"
#include "render/output.hpp"
#include "render/table.hpp"
#include "verbs.hpp"

// `ginnel explain`: which limit an errno or a signal means here, who uses it up, and what to do.

namespace ginnel::cli {
namespace {

using inventory::Explanation;

struct ExplainArguments {
  std::string error;
  std::string call;
  std::optional<pid_t> pid;
  bool json = false;
};

/// `ENOSPC` of `28`, `enospc` or `ENOSPC`.
std::string errno_symbol(const std::string& text) {
  int number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failure == std::errc{} && end == text.data() + text.size()) return errno_name(number);
  std::string upper = text;
  std::ranges::transform(upper, upper.begin(),
                         [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  return upper;
}

Json explanation_json(const Explanation& explanation) {
  return {{"call", explanation.call},     {"likely", explanation.likely}, {"meaning", explanation.meaning},
          {"limits", explanation.limits}, {"here", explanation.here},     {"users", explanation.users},
          {"tell", explanation.tell},     {"remedy", explanation.remedy}, {"source", explanation.source}};
}

void print(const std::string& error, const Explanation& explanation, const Screen& screen) {
  const std::string title = fmt::format("{} of {}", error, explanation.call);
  put("{}{}\n", coloured(title, Colour::bold, screen),
      explanation.likely ? coloured("  likely", Colour::red, screen) : "");
  Table table{{{""}, {"", Align::left, true}}};
  std::string_view last_key;
  const auto add = [&](std::string_view key, std::string_view text) {
    table.add_row({{key == last_key ? "" : fmt::format("  {}", key), Colour::dim}, {std::string{text}}});
    last_key = key;
  };
  add("meaning", explanation.meaning);
  for (const std::string& line : explanation.here) add("here", line);
  for (const std::string& line : explanation.users) add("who", line);
  add("to tell", explanation.tell);
  add("remedy", explanation.remedy);
  add("source", explanation.source);
  put_text(table.render(screen));
}

Result<int> run_explain(const ExplainArguments& arguments) {
  const auto snapshot = inventory::scan();
  if (!snapshot) return std::unexpected{snapshot.error()};
  const pid_t pid = asked_process(*snapshot, arguments.pid);
  const auto limits = inventory::limits(*snapshot, pid);
  if (!limits && limits.error().code() == ESRCH)
    return nothing(explain_verb, fmt::format("pid {}: no such process", pid));
  if (!limits) return std::unexpected{limits.error()};
  const std::string error = errno_symbol(arguments.error);
  const auto explanations = inventory::explain(*snapshot, *limits, error, arguments.call);
  if (!explanations && explanations.error().code() == EINVAL)
    return std::unexpected{usage_error(explanations.error().object(), explanations.error().hint())};
  if (!explanations) return std::unexpected{explanations.error()};

  if (arguments.json) {
    Json list = Json::array();
    for (const Explanation& explanation : *explanations) list.push_back(explanation_json(explanation));
    put("{}", to_text(Json{{"explain_schema", 1}, {"error", error}, {"pid", pid}, {"explanations", std::move(list)}}));
    return exit_done;
  }
  const Screen screen = Screen::of(STDOUT_FILENO);
  bool first = true;
  for (const Explanation& explanation : *explanations) {
    if (!first) put("\n");
    first = false;
    print(error, explanation, screen);
  }
  note_text(coverage_text(snapshot->coverage));
  return exit_done;
}

CommandRun define_explain(const VerbOptions& options) {
  auto arguments = std::make_shared<ExplainArguments>();
  options.add_option("ERRNO", arguments->error, "ENOSPC, EMFILE, EADDRINUSE, …, or its number, or SIGBUS, SIGPIPE")
      .required();
  options.add_option("CALL", arguments->call, "Only what it means for this call: mq_open, semget, mmap, …");
  options.add_option("--pid", arguments->pid, "The process that met it; without it, the caller (the shell)");
  add_json_flag(options, arguments->json);
  return [arguments](const TrailingWords&) { return run_explain(*arguments); };
}

}  // namespace

const Verb explain_verb{"explain", "Tell what an errno or signal means here, and what to do",
                        "  ginnel explain ENOSPC semget\n"
                        "  ginnel explain EMFILE --pid $(pidof app)\n"
                        "  ginnel explain SIGBUS --json\n",
                        "", define_explain};

}  // namespace ginnel::cli
