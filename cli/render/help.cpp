#include "render/help.hpp"

#include <utility>

#include <CLI/CLI.hpp>

namespace ginnel::cli {
namespace {

constexpr std::size_t page_width = 80;
constexpr std::size_t description_column = 22;

}  // namespace

std::string help_entry(std::string_view name, std::string_view description) {
  std::string text = "  " + std::string{name};
  if (description.empty()) return text + '\n';
  if (text.size() + 2 > description_column) {
    text += '\n';
    text.append(description_column, ' ');
  } else {
    text.append(description_column - text.size(), ' ');
  }
  constexpr std::size_t width = page_width - description_column;
  while (description.size() > width) {
    std::size_t end = description.rfind(' ', width);
    if (end == std::string_view::npos || end == 0) end = width;
    text += description.substr(0, end);
    text += '\n';
    text.append(description_column, ' ');
    description.remove_prefix(end);
    while (description.starts_with(' ')) description.remove_prefix(1);
  }
  return text.append(description) + '\n';
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
