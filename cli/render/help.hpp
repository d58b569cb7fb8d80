#pragma once

#include <string>
#include <string_view>

#include <CLI/CLI.hpp>

namespace ginnel::cli {

/// Help texts: descriptions in a column of their own, wrapped at 80 columns.
class HelpFormatter : public CLI::Formatter {
 public:
  std::string make_option(const CLI::Option* option, bool is_positional) const override;
  std::string make_subcommand(const CLI::App* verb) const override;
};

/// `  NAME` and its description beside it, or below where the name is too long.
[[nodiscard]] std::string help_entry(std::string_view name, std::string_view description);

}  // namespace ginnel::cli
