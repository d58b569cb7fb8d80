#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "choose/answer.hpp"
#include "ginnel/measure/knowledge.hpp"
#include "render/size.hpp"
#include "render/table.hpp"

// The table of mechanisms and properties, for the eye, for docs/MECHANISMS.md and for programs.

namespace ginnel::cli::choose {
namespace {

using measure::Mechanism;

std::string purposes_text(const Mechanism& mechanism) {
  std::vector<std::string_view> names;
  for (const measure::Purpose purpose : measure::all_purposes)
    if (mechanism.purposes.is.has(purpose)) names.push_back(to_string(purpose));
  return fmt::format("{}", fmt::join(names, " "));
}

struct Property {
  const char* name;   ///< of the JSON
  const char* title;  ///< of the table
  std::string (*text)(const Mechanism&);
  std::string_view (*source)(const Mechanism&);
};

template <auto claim>
std::string_view source_of(const Mechanism& mechanism) {
  return (mechanism.*claim).source;
}
template <auto claim>
std::string flag_text(const Mechanism& mechanism) {
  return (mechanism.*claim).is ? "yes" : "-";
}
template <auto claim>
std::string word_text(const Mechanism& mechanism) {
  return std::string{to_string((mechanism.*claim).is)};
}
template <auto claim>
constexpr Property flag(const char* name, const char* title) {
  return {name, title, flag_text<claim>, source_of<claim>};
}
template <auto claim>
constexpr Property word(const char* name, const char* title) {
  return {name, title, word_text<claim>, source_of<claim>};
}

constexpr std::array properties{
    Property{"purposes", "FOR", purposes_text, source_of<&Mechanism::purposes>},
    flag<&Mechanism::unrelated>("unrelated", "UNRELATED"),
    flag<&Mechanism::many_senders>("many_senders", "MANY SENDERS"),
    word<&Mechanism::receivers>("receivers", "RECEIVERS"),
    flag<&Mechanism::boundaries>("boundaries", "BOUNDARIES"),
    flag<&Mechanism::both_ways>("both_ways", "BOTH WAYS"),
    word<&Mechanism::order>("order", "ORDER"),
    Property{"largest", "LARGEST",
             [](const Mechanism& m) { return m.largest.is == 0 ? std::string{"-"} : short_size(m.largest.is); },
             [](const Mechanism& m) { return m.largest.source; }},
    word<&Mechanism::trust>("trust", "PEER"),
    flag<&Mechanism::descriptors>("descriptors", "DESCRIPTORS"),
    flag<&Mechanism::priorities>("priorities", "PRIORITIES"),
    flag<&Mechanism::pollable>("pollable", "EPOLL"),
    word<&Mechanism::on_full>("on_full", "WHEN FULL"),
    word<&Mechanism::outlives>("outlives", "STAYS"),
    word<&Mechanism::portability>("portability", "OF"),
    flag<&Mechanism::tells_sender>("tells_sender", "TELLS SENDER"),
    flag<&Mechanism::tells_receiver>("tells_receiver", "TELLS RECEIVER"),
    flag<&Mechanism::survives>("survives", "SURVIVES"),
    flag<&Mechanism::redelivers>("redelivers", "REDELIVERS"),
    flag<&Mechanism::credentials>("credentials", "CREDENTIALS"),
    flag<&Mechanism::in_place>("in_place", "IN PLACE"),
    Property{"effort", "EFFORT", [](const Mechanism& m) { return std::to_string(m.effort.is); },
             [](const Mechanism& m) { return m.effort.source; }},
};

/// What a mechanism can, in one text: `FOR bytes; EPOLL; WHEN FULL sender waits`.
std::string properties_text(const Mechanism& mechanism) {
  std::string text;
  for (const Property& property : properties) {
    const std::string value = property.text(mechanism);
    if (value == "-") continue;
    if (!text.empty()) text += "; ";
    text += property.title;
    if (value != "yes") text += " " + value;
  }
  return text;
}

/// Two columns, where the whole table is wider than the terminal.
std::string narrow_text(const Screen& screen) {
  Table table{{{"MECHANISM"}, {"WHAT IT CAN", Align::left, true}}};
  table.separate_rows_when_wrapped();
  for (const Mechanism& mechanism : measure::knowledge())
    table.add_row({{std::string{mechanism.name}, Colour::bold}, {properties_text(mechanism)}});
  return table.render(screen);
}

}  // namespace

std::string knowledge_text(const Screen& screen) {
  constexpr int wide = 280;
  if (screen.width.value_or(wide) < wide) return narrow_text(screen);
  std::vector<Column> columns{{"MECHANISM"}};
  for (const Property& property : properties) columns.push_back({property.title, Align::left, true});
  Table table{columns};
  for (const Mechanism& mechanism : measure::knowledge()) {
    std::vector<Cell> cells{{std::string{mechanism.name}, Colour::bold}};
    for (const Property& property : properties) cells.push_back({property.text(mechanism)});
    table.add_row(std::move(cells));
  }
  return table.render(screen);
}

std::string knowledge_markdown() {
  std::string text = "| mechanism |";
  for (const Property& property : properties) text += fmt::format(" {} |", property.title);
  text += "\n|---|";
  for (std::size_t i = 0; i < properties.size(); ++i) text += "---|";
  text += "\n";
  for (const Mechanism& mechanism : measure::knowledge()) {
    text += fmt::format("| {} |", mechanism.name);
    for (const Property& property : properties) text += fmt::format(" {} |", property.text(mechanism));
    text += "\n";
  }
  for (const Mechanism& mechanism : measure::knowledge()) {
    text += fmt::format("\n## {}\n\n{}{}.\n\n- To handle: {}.\n- To clean up: {}.\n- Sources:", mechanism.name,
                        mechanism.what, mechanism.address.empty() ? "" : fmt::format(": `{}`", mechanism.address),
                        mechanism.risks, mechanism.clean_up);
    std::vector<std::string_view> told;
    for (const Property& property : properties)
      if (const auto source = property.source(mechanism); std::ranges::find(told, source) == told.end())
        told.push_back(source);
    text += fmt::format(" {}.\n", fmt::join(told, "; "));
  }
  return text;
}

Json knowledge_json() {
  Json list = Json::array();
  for (const Mechanism& mechanism : measure::knowledge()) {
    Json row{{"mechanism", mechanism.name}, {"address", mechanism.address}, {"what", mechanism.what}};
    for (const Property& property : properties)
      row[property.name] = {{"is", property.text(mechanism)}, {"source", property.source(mechanism)}};
    row["risks"] = mechanism.risks;
    row["clean_up"] = mechanism.clean_up;
    list.push_back(std::move(row));
  }
  return {{"knowledge_schema", 1}, {"mechanisms", std::move(list)}};
}

}  // namespace ginnel::cli::choose
