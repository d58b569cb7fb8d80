#include "ginnel/inventory/graph.hpp"
#include "graph_text.hpp"

namespace ginnel::inventory {
namespace {

/// A quoted string of the language. Only these two characters are special in it. Source: graphviz.org/doc/info/lang.html.
std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char letter : readable(text)) {
    if (letter == '"' || letter == '\\') out += '\\';
    out += letter;
  }
  return out + "\"";
}

/// Two lines of a label, of which each is quoted by itself and `\n` between them is the language's own.
std::string quoted_lines(std::string_view first, std::string_view second) {
  if (second.empty()) return quoted(first);
  if (first.empty()) return quoted(second);
  std::string out = quoted(first);
  out.pop_back();
  return out + "\\n" + quoted(second).substr(1);
}

std::string node_name(const Graph& graph, std::size_t place) {
  const GraphNode& node = graph.nodes[place];
  return node.is_process() ? "p" + std::to_string(node.pid) : "o" + std::to_string(place);
}

std::string node_line(const Graph& graph, std::size_t place) {
  const GraphNode& node = graph.nodes[place];
  const std::string name = "  " + node_name(graph, place) + " [label=";
  if (node.is_process()) return name + quoted_lines(node.title, "pid " + std::to_string(node.pid)) + "];\n";
  return name + quoted(node.title) + ", shape=ellipse, style=filled, fillcolor=\"#eef2ff\"];\n";
}

std::string edge_line(const Graph& graph, const GraphEdge& edge) {
  std::string line = "  " + node_name(graph, edge.from) + " -> " + node_name(graph, edge.to);
  line += " [label=" + quoted_lines(edge.label, edge.waits) + ", color=\"" + std::string{colour_of(edge.state)} + "\"";
  if (edge.both_ways) line += ", dir=both";
  if (edge.state == EdgeState::blocked) line += ", penwidth=2";
  return line + "];\n";
}

}  // namespace

std::string to_dot(const Graph& graph) {
  std::string text =
      "digraph ginnel {\n"
      "  rankdir=LR;\n"
      "  node [shape=box, style=\"rounded,filled\", fillcolor=white, fontname=\"system-ui\", fontsize=11];\n"
      "  edge [fontname=\"system-ui\", fontsize=9, arrowsize=0.7];\n";
  for (std::size_t place = 0; place < graph.nodes.size(); ++place) text += node_line(graph, place);
  for (const GraphEdge& edge : graph.edges) text += edge_line(graph, edge);
  return text + "}\n";
}

}  // namespace ginnel::inventory
