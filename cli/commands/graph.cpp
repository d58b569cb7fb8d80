#include <fmt/core.h>
#include <unistd.h>
#include <fstream>
#include <memory>

#include "ginnel/inventory.hpp"
#include "inventory/asked_process.hpp"
#include "inventory/coverage_text.hpp"
#include "options.hpp"
#include "render/json.hpp"
#include "render/output.hpp"
#include "render/table.hpp"
#include "verbs.hpp"

// `ginnel graph`: who talks to whom through what, as a list, for Graphviz, as JSON, or as a picture.

namespace ginnel::cli {
namespace {

using inventory::EdgeState;
using inventory::Graph;
using inventory::GraphEdge;
using inventory::GraphNode;

struct GraphArguments {
  std::optional<pid_t> pid;
  std::vector<std::string> kinds;
  std::string svg;
  bool dot = false;
  bool json = false;
};

std::string name_of(const GraphNode& node) {
  return node.is_process() ? fmt::format("{}({})", node.title, node.pid) : node.title;
}

Json to_json(const Graph& graph) {
  Json nodes = Json::array();
  for (const GraphNode& node : graph.nodes)
    nodes.push_back({{"pid", node.is_process() ? Json(node.pid) : Json(nullptr)},
                     {"title", node.title},
                     {"object", node.object ? Json(node.object->to_string()) : Json(nullptr)}});
  Json edges = Json::array();
  for (const GraphEdge& edge : graph.edges)
    edges.push_back({{"from", edge.from},
                     {"to", edge.to},
                     {"object", edge.object.to_string()},
                     {"label", edge.label},
                     {"both_ways", edge.both_ways},
                     {"state", to_string(edge.state)},
                     {"waits", edge.waits}});
  return {{"nodes", std::move(nodes)}, {"edges", std::move(edges)}};
}

void add_row(Table& table, const Graph& graph, const GraphEdge& edge) {
  const Colour colour = edge.state == EdgeState::blocked ? Colour::red : Colour::none;
  table.add_row({{name_of(graph.nodes[edge.from])},
                 {edge.both_ways ? "<->" : "->"},
                 {name_of(graph.nodes[edge.to])},
                 {edge.label},
                 {edge.waits, colour}});
}

/// What is blocked first.
std::string list(const Graph& graph, const Screen& screen) {
  Table table{{{"FROM", Align::left, true},
               {""},
               {"TO", Align::left, true},
               {"THROUGH", Align::left, true},
               {"WAITS", Align::left, true}}};
  for (const bool blocked : {true, false})
    for (const GraphEdge& edge : graph.edges)
      if ((edge.state == EdgeState::blocked) == blocked) add_row(table, graph, edge);
  return table.render(screen);
}

Result<void> write_file(const std::string& path, const std::string& text) {
  std::ofstream file{path, std::ios::binary};
  file << text;
  file.close();
  if (!file) return std::unexpected{Error::last("write", path)};
  return {};
}

Result<int> run_graph(const GraphArguments& arguments) {
  if (static_cast<int>(arguments.dot) + static_cast<int>(arguments.json) + static_cast<int>(!arguments.svg.empty()) > 1)
    return std::unexpected{usage_error("", "choose one of --dot, --json and --svg")};
  inventory::GraphOptions options{.pid = arguments.pid, .kinds = {}};
  for (const std::string& text : arguments.kinds) {
    const auto kind = inventory::parse_kind(text);
    if (!kind) return std::unexpected{usage_error(text, kind.error().hint())};
    options.kinds.insert(*kind);
  }
  const auto snapshot = inventory::scan();
  if (!snapshot) return std::unexpected{snapshot.error()};
  const Graph graph = inventory::graph(*snapshot, options);

  if (arguments.dot) {
    put_text(to_dot(graph));
  } else if (arguments.json) {
    put_text(to_text(to_json(graph)));
  } else if (arguments.svg == "-") {
    put_text(to_svg(graph));
  } else if (!arguments.svg.empty()) {
    if (auto written = write_file(arguments.svg, to_svg(graph)); !written) return std::unexpected{written.error()};
  } else if (!graph.edges.empty()) {
    put_text(list(graph, Screen::of(STDOUT_FILENO)));
    note_text(coverage_text(snapshot->coverage));
  }
  if (!graph.edges.empty()) return exit_done;
  if (!arguments.pid) return nothing(graph_verb, "nobody talks to anybody that can be seen");
  return nothing(graph_verb, why_nothing_of(*snapshot, *arguments.pid)
                                 .value_or(fmt::format("process {} talks to nobody that can be seen", *arguments.pid)));
}

CommandRun define_graph(const VerbOptions& options) {
  auto arguments = std::make_shared<GraphArguments>();
  options.add_option("KIND", arguments->kinds, "Only through these kinds, as 'ginnel ls' names them");
  options.add_option("--pid", arguments->pid, "Only what this process is connected with, directly or through others");
  options.add_flag("--dot", arguments->dot, "Print it for Graphviz");
  options.add_option("--svg", arguments->svg, "Draw it into this file ('-': standard output)");
  add_json_flag(options, arguments->json);
  return [arguments](const TrailingWords&) { return run_graph(*arguments); };
}

}  // namespace

const Verb graph_verb{"graph", "Show who talks to whom through what",
                      "  ginnel graph --pid 1234\n"
                      "  ginnel graph --svg talks.svg\n"
                      "  ginnel graph pipe unix --dot | dot -Tpdf -o talks.pdf\n",
                      "", define_graph};

}  // namespace ginnel::cli
