#include "render/help.hpp"

#include <algorithm>
#include <utility>

#include <CLI/CLI.hpp>

namespace ginnel::cli {
namespace {

constexpr std::size_t page_width = 80;
constexpr std::size_t description_column = 22;

/// One line of a description, which may take several.
void append_wrapped(std::string& text, std::string_view line) {
  constexpr std::size_t width = page_width - description_column;
  while (line.size() > width) {
    std::size_t end = line.rfind(' ', width);
    if (end == std::string_view::npos || end == 0) end = width;
    text.append(line.substr(0, end)).append(1, '\n').append(description_column, ' ');
    line.remove_prefix(end);
    while (line.starts_with(' ')) line.remove_prefix(1);
  }
  text.append(line).append(1, '\n');
}

}  // namespace

std::string help_entry(std::string_view name, std::string_view description) {
  std::string text = "  " + std::string{name};
  if (description.empty()) return text + '\n';
  if (text.size() + 2 > description_column)
    text.append(1, '\n').append(description_column, ' ');
  else
    text.append(description_column - text.size(), ' ');
  while (!description.empty()) {
    const std::size_t end = std::min(description.find('\n'), description.size());
    append_wrapped(text, description.substr(0, end));
    description.remove_prefix(std::min(end + 1, description.size()));
    if (!description.empty()) text.append(description_column, ' ');
  }
  return text;
}

HelpFormatter::HelpFormatter() { label("SUBCOMMAND", "VERB"); }

std::string HelpFormatter::make_usage(const CLI::App* app, std::string name) const {
  std::string usage = CLI::Formatter::make_usage(app, std::move(name));
  // Whether there is one is found out by main, which knows a better complaint.
  if (const auto optional = usage.find("[VERB]"); optional != std::string::npos) usage.replace(optional, 6, "VERB");
  const auto found = trailing_.find(app);
  if (found == trailing_.end() || found->second.empty()) return usage;
  const auto end = usage.find_last_not_of('\n') + 1;
  return usage.insert(end, " " + found->second);
}

std::string HelpFormatter::make_option(const CLI::Option* option, bool is_positional) const {
  // Everything on a command line is text, and the usage line shows what is required: neither is said again here.
  if (is_positional) return help_entry(option->get_name(true), option->get_description());
  std::string name = option->get_name(false, true);
  if (option->get_type_size() != 0) name += ' ' + option->get_type_name();
  return help_entry(name, option->get_description());
}

std::string HelpFormatter::make_subcommand(const CLI::App* verb) const {
  return help_entry(verb->get_name(), verb->get_description());
}

}  // namespace ginnel::cli
