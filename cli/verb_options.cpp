#include "verb_options.hpp"

#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include <CLI/CLI.hpp>

#include "whole_number.hpp"

namespace ginnel::cli {
namespace {

template <class T>
struct NumberIn {
  using type = T;
};
template <class T>
struct NumberIn<std::optional<T>> {
  using type = T;
};

/// An empty value is told as such, for all options alike.
void check_number(CLI::Option& option, std::int64_t least, std::uint64_t most) {
  option.check([least, most](const std::string& text) {
    return text.empty() ? std::string{} : complaint_about_number(text, least, most);
  });
}

}  // namespace

std::size_t VerbOption::count() const { return option_->count(); }

VerbOption VerbOption::required() const {
  option_->required();
  return *this;
}

VerbOption VerbOption::type_name(const std::string& name) const {
  option_->type_name(name);
  return *this;
}

VerbOption VerbOption::between(std::int64_t least, std::uint64_t most) const {
  check_number(*option_, least, most);
  return *this;
}

VerbOption VerbOption::one_of(std::initializer_list<const char*> words) const {
  option_->check(CLI::IsMember(std::vector<std::string>(words.begin(), words.end())));
  return *this;
}

template <class T>
VerbOption VerbOptions::add_option(const std::string& name, T& value, const std::string& help) const {
  CLI::Option* const option = app_->add_option(name, value, help);
  using Number = std::numeric_limits<typename NumberIn<T>::type>;
  if constexpr (Number::is_integer)
    check_number(*option, static_cast<std::int64_t>(Number::min()), static_cast<std::uint64_t>(Number::max()));
  return VerbOption{*option};
}

template VerbOption VerbOptions::add_option(const std::string&, std::string&, const std::string&) const;
template VerbOption VerbOptions::add_option(const std::string&, std::vector<std::string>&, const std::string&) const;
template VerbOption VerbOptions::add_option(const std::string&, std::vector<double>&, const std::string&) const;
template VerbOption VerbOptions::add_option(const std::string&, long&, const std::string&) const;
template VerbOption VerbOptions::add_option(const std::string&, unsigned&, const std::string&) const;
template VerbOption VerbOptions::add_option(const std::string&, std::uint64_t&, const std::string&) const;
template VerbOption VerbOptions::add_option(const std::string&, std::optional<int>&, const std::string&) const;
template VerbOption VerbOptions::add_option(const std::string&, std::optional<short>&, const std::string&) const;
template VerbOption VerbOptions::add_option(const std::string&, std::optional<unsigned short>&,
                                            const std::string&) const;

VerbOption VerbOptions::add_flag(const std::string& name, bool& value, const std::string& help) const {
  return VerbOption{*app_->add_flag(name, value, help)};
}

void VerbOptions::allow_extras() const { app_->allow_extras(); }

void VerbOptions::footer(const std::string& text) const { app_->footer(text); }

VerbOptions VerbOptions::add_verb(const std::string& name, const std::string& summary) const {
  CLI::App* const verb = app_->add_subcommand(name, summary);
  verb->group("Verbs");
  app_->require_subcommand(1);
  return VerbOptions{*verb};
}

bool VerbOptions::is_chosen() const { return app_->parsed(); }

}  // namespace ginnel::cli
