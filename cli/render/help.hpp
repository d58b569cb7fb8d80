#pragma once

#include <map>
#include <string>
#include <string_view>

#include <CLI/CLI.hpp>

namespace ginnel::cli {

/// Help texts: descriptions in a column of their own, wrapped at 80 columns.
class HelpFormatter : public CLI::Formatter {
 public:
  HelpFormatter();
  /// What follows `--` after the words of this app; it goes to the end of the usage line.
  void add_trailing(const CLI::App* app, std::string_view words) { trailing_[app] = words; }

  std::string make_usage(const CLI::App* app, std::string name) const override;
  std::string make_option(const CLI::Option* option, bool is_positional) const override;
  std::string make_subcommand(const CLI::App* verb) const override;

 private:
  std::map<const CLI::App*, std::string> trailing_;
};

/// `  NAME` and its description beside it, or below where the name is too long.
[[nodiscard]] std::string help_entry(std::string_view name, std::string_view description);

}  // namespace ginnel::cli
