#include "verb_options.hpp"

#include <cstdint>
#include <optional>
#include <vector>

#include <CLI/CLI.hpp>

namespace ginnel::cli {

std::size_t VerbOption::count() const { return option_->count(); }

VerbOption VerbOption::required() const {
  option_->required();
  return *this;
}

VerbOption VerbOption::type_name(const std::string& name) const {
  option_->type_name(name);
  return *this;
}

VerbOption VerbOption::one_of(std::initializer_list<const char*> words) const {
  option_->check(CLI::IsMember(std::vector<std::string>(words.begin(), words.end())));
  return *this;
}

VerbOption VerbOption::check(const std::function<std::string(const std::string&)>& complaint) const {
  option_->check(complaint);
  return *this;
}

template <class T>
VerbOption VerbOptions::add_option(const std::string& name, T& value, const std::string& help) const {
  return VerbOption{*app_->add_option(name, value, help)};
}

template VerbOption VerbOptions::add_option(const std::string&, std::string&, const std::string&) const;
template VerbOption VerbOptions::add_option(const std::string&, std::vector<std::string>&, const std::string&) const;
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
