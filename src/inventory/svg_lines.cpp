#include "svg_lines.hpp"

#include <algorithm>
#include <map>

#include "svg_text.hpp"

namespace ginnel::inventory {
namespace {

constexpr std::size_t label_characters = 34;
constexpr std::size_t rows_at_most = 4;

void add(Line& line, const Graph& graph, std::size_t place) {
  const GraphEdge& edge = graph.edges[place];
  const bool along = edge.from == line.left;
  line.edges.push_back(place);
  line.forth = line.forth || along || edge.both_ways;
  line.back = line.back || !along || edge.both_ways;
  line.state = std::max(line.state, edge.state);
}

/// Where the edges of a line go different ways, each tells its own.
std::string_view arrow(const Line& line, const GraphEdge& edge, const Graph& graph) {
  const bool all_alike = std::ranges::all_of(line.edges, [&](std::size_t place) {
    return graph.edges[place].from == edge.from && graph.edges[place].both_ways == edge.both_ways;
  });
  if (all_alike || edge.both_ways) return "";
  return edge.from == line.left ? "→ " : "← ";
}

struct CountedRow {
  std::string text;
  std::size_t count = 0;
};

void count(std::vector<CountedRow>& rows, const std::string& text) {
  const auto same = std::ranges::find(rows, text, &CountedRow::text);
  if (same == rows.end())
    rows.push_back({text, 1});
  else
    ++same->count;
}

}  // namespace

std::vector<Line> lines_of(const Graph& graph) {
  std::map<std::pair<std::size_t, std::size_t>, std::size_t> known;
  std::vector<Line> lines;
  for (std::size_t place = 0; place < graph.edges.size(); ++place) {
    const GraphEdge& edge = graph.edges[place];
    const auto [line, is_new] = known.try_emplace(std::minmax(edge.from, edge.to), lines.size());
    if (is_new) lines.push_back({.left = edge.from, .right = edge.to, .edges = {}});
    add(lines[line->second], graph, place);
  }
  return lines;
}

std::vector<std::string> label_rows(const Graph& graph, const Line& line) {
  std::vector<CountedRow> rows;
  for (const std::size_t place : line.edges) {
    const GraphEdge& edge = graph.edges[place];
    if (!edge.label.empty()) count(rows, std::string{arrow(line, edge, graph)} + edge.label);
    if (edge.state == EdgeState::blocked) count(rows, edge.waits);
  }
  std::vector<std::string> texts;
  for (const CountedRow& row : rows) {
    const std::string times = row.count == 1 ? "" : std::to_string(row.count) + " × ";
    texts.push_back(shorten(times + row.text, label_characters));
  }
  if (texts.size() > rows_at_most) {
    const std::size_t left_out = texts.size() - rows_at_most + 1;
    texts.resize(rows_at_most - 1);
    texts.push_back("and " + std::to_string(left_out) + " more");
  }
  return texts;
}

std::string full_label(const Graph& graph, const Line& line) {
  std::string text;
  for (const std::size_t place : line.edges) {
    const GraphEdge& edge = graph.edges[place];
    const std::string& name = edge.label.empty() ? graph.nodes[edge.to].title : edge.label;
    text += (text.empty() ? "" : "\n") + name + (edge.waits.empty() ? "" : ": " + edge.waits);
  }
  return text;
}

}  // namespace ginnel::inventory
