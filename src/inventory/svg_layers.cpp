#include "svg_layers.hpp"

#include <algorithm>

#include "svg_style.hpp"
#include "svg_text.hpp"

namespace ginnel::inventory {
namespace {

constexpr std::size_t title_characters = 28;

/// Columns of boxes and columns of labels take turns.
std::size_t box_column(std::size_t rank) noexcept { return 2 * rank; }

std::size_t add_item(Layers& layers, Item item) {
  if (layers.columns.size() <= item.column) layers.columns.resize(item.column + 1);
  layers.columns[item.column].push_back(layers.items.size());
  layers.items.push_back(std::move(item));
  return layers.items.size() - 1;
}

void connect(Layers& layers, std::size_t line, std::size_t left, std::size_t right) {
  layers.items[left].after.push_back(layers.strands.size());
  layers.items[right].before.push_back(layers.strands.size());
  layers.strands.push_back({.line = line, .left = left, .right = right});
}

void add_line(Layers& layers, const Caption& caption, std::size_t line, std::size_t left, std::size_t right) {
  const std::size_t first = layers.items[left].column;
  const std::size_t last = layers.items[right].column;
  const std::size_t middle = (first + last) / 2;
  const std::size_t label_column = middle % 2 == 1 ? middle : middle + 1;
  std::size_t previous = left;
  for (std::size_t column = first + 1; column < last; ++column) {
    Item item{.what = Item::What::bend, .of = line, .column = column, .before = {}, .after = {}};
    if (column == label_column && !caption.rows.empty()) {
      item.what = Item::What::label;
      item.width = caption.width;
      item.height = caption.height;
    }
    const std::size_t next = add_item(layers, std::move(item));
    connect(layers, line, previous, next);
    previous = next;
  }
  connect(layers, line, previous, right);
}

/// Where nearly everybody talks to everybody, labels would take more room than all else.
bool is_crowded(std::size_t nodes, std::size_t lines) noexcept {
  constexpr std::size_t lines_at_least = 60;
  constexpr std::size_t lines_for_a_node = 3;
  return lines > lines_at_least && lines > lines_for_a_node * nodes;
}

}  // namespace

Caption caption_of(const GraphNode& node) {
  Caption caption{.rows = {shorten(node.title, title_characters)}, .height = box_height};
  if (node.is_process()) caption.rows.push_back("pid " + std::to_string(node.pid));
  constexpr double of_bold = 1.1;
  caption.width = 2 * box_padding + std::max(text_width(caption.rows.front(), title_size * of_bold),
                                             text_width(caption.rows.back(), small_size));
  return caption;
}

Caption caption_of(const Graph& graph, const Line& line) {
  Caption caption{.rows = label_rows(graph, line)};
  if (caption.rows.empty()) return caption;
  for (const std::string& row : caption.rows) caption.width = std::max(caption.width, text_width(row, small_size));
  caption.width += 2 * label_padding;
  caption.height = static_cast<double>(caption.rows.size()) * row_height + label_padding;
  return caption;
}

Layers layers_of(const Graph& graph, const std::vector<Line>& lines, const std::vector<std::size_t>& ranks,
                 const std::vector<std::size_t>& nodes) {
  Layers layers;
  std::size_t first_rank = ranks[nodes.front()];
  for (const std::size_t node : nodes) first_rank = std::min(first_rank, ranks[node]);

  std::vector<std::size_t> item_of(graph.nodes.size(), graph.nodes.size());
  for (const std::size_t node : nodes) {
    const Caption caption = caption_of(graph.nodes[node]);
    item_of[node] = add_item(layers, {.what = Item::What::node,
                                      .of = node,
                                      .column = box_column(ranks[node] - first_rank),
                                      .width = caption.width,
                                      .height = caption.height,
                                      .before = {},
                                      .after = {}});
  }
  std::vector<std::size_t> own_lines;
  for (std::size_t line = 0; line < lines.size(); ++line)
    if (item_of[lines[line].left] < graph.nodes.size()) own_lines.push_back(line);
  const bool crowded = is_crowded(nodes.size(), own_lines.size());
  for (const std::size_t line : own_lines) {
    const bool told = !crowded || lines[line].state == EdgeState::blocked;
    add_line(layers, told ? caption_of(graph, lines[line]) : Caption{}, line, item_of[lines[line].left],
             item_of[lines[line].right]);
  }
  return layers;
}

}  // namespace ginnel::inventory
