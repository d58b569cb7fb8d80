#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>

// The words and options of a verb, as its file describes them. CLI11 parses them, behind this door: its header takes longer to
// compile than most verbs, and is read by those few files alone that are about parsing.

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace ginnel::cli {

/// A word or an option that was added. It lives as long as the verb's options do; this is a view of it.
class VerbOption {
 public:
  VerbOption() = default;
  explicit VerbOption(CLI::Option& option) noexcept : option_{&option} {}

  /// How often the command line has it.
  [[nodiscard]] std::size_t count() const;

  VerbOption required() const;
  /// How its value is called in the help.
  VerbOption type_name(const std::string& name) const;
  /// Of a number: no other than from `least` to `most`.
  VerbOption between(std::int64_t least, std::uint64_t most) const;
  VerbOption one_of(std::initializer_list<const char*> words) const;

 private:
  CLI::Option* option_ = nullptr;
};

class VerbOptions {
 public:
  explicit VerbOptions(CLI::App& app) noexcept : app_{&app} {}

  /// `NAME`: the next word; `--name`: an option with a value. T is one of those that verb_options.cpp names;
  /// what is no number, or over the limits of a T that is one, is refused.
  template <class T>
  VerbOption add_option(const std::string& name, T& value, const std::string& help) const;
  VerbOption add_flag(const std::string& name, bool& value, const std::string& help) const;
  /// Words that no option takes are let pass.
  void allow_extras() const;
  /// Shown under the options.
  void footer(const std::string& text) const;

  /// A verb of this verb; once there is one, one has to be chosen.
  [[nodiscard]] VerbOptions add_verb(const std::string& name, const std::string& summary) const;
  /// Whether the command line chose it.
  [[nodiscard]] bool is_chosen() const;

 private:
  CLI::App* app_;
};

}  // namespace ginnel::cli
