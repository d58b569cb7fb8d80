#include "svg_picture.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "svg_ranks.hpp"

namespace ginnel::inventory {
namespace {

/// Left and right edge of each column of a part.
struct Column {
  double left = 0;
  double right = 0;
};

/// Of bends only: lines pass it in their curves.
bool is_empty(const Column& column) noexcept { return column.left == column.right; }

/// The steeper the lines between two columns, the more room is left for their curves.
double gap_before(const Layers& layers, std::size_t column) {
  constexpr double least = 30;
  constexpr double most = 110;
  constexpr double of_height = 0.18;
  double steepest = 0;
  for (const std::size_t item : layers.columns[column])
    for (const std::size_t at : layers.items[item].before) {
      const Strand& strand = layers.strands[at];
      const double fall =
          layers.items[strand.right].y + strand.right_port - layers.items[strand.left].y - strand.left_port;
      steepest = std::max(steepest, std::abs(fall));
    }
  return std::clamp(least + steepest * of_height, least, most);
}

std::vector<Column> columns_of(const Layers& layers) {
  std::vector<Column> columns;
  double x = 0;
  for (std::size_t column = 0; column < layers.columns.size(); ++column) {
    if (column > 0) x += gap_before(layers, column);
    double width = 0;
    for (const std::size_t item : layers.columns[column]) width = std::max(width, layers.items[item].width);
    columns.push_back({x, x + width});
    x += width;
  }
  return columns;
}

/// One connected part, with its own origin.
struct Part {
  std::vector<std::size_t> nodes;
  std::vector<Box> boxes;  ///< of `nodes`
  std::vector<Route> routes;
  double width = 0;
  double height = 0;
};

/// Boxes of one column are equally wide.
void add_box(Part& part, const Item& item, const Column& column) {
  part.nodes.push_back(item.of);
  part.boxes.push_back({column.left, item.y - item.height / 2, column.right - column.left, item.height});
}

void set_label(Route& route, const Item& item, const Column& column, const Caption& caption) {
  const double middle = (column.left + column.right) / 2;
  route.caption = caption;
  route.label = {middle - item.width / 2, item.y - item.height / 2, item.width, item.height};
}

/// Follows the strands of a line from the box on its left to the one on its right.
Route route_from(const Graph& graph, const std::vector<Line>& lines, const Layers& layers,
                 const std::vector<Column>& columns, const Strand& first) {
  Route route{.line = lines[first.line], .points = {}, .caption = {}, .label = {}};
  const Strand* strand = &first;
  while (true) {
    const Item& left = layers.items[strand->left];
    const Item& right = layers.items[strand->right];
    if (!is_empty(columns[left.column]))
      route.points.push_back({columns[left.column].right, left.y + strand->left_port});
    if (!is_empty(columns[right.column]))
      route.points.push_back({columns[right.column].left, right.y + strand->right_port});
    if (right.what == Item::What::node) return route;
    if (right.what == Item::What::label) set_label(route, right, columns[right.column], caption_of(graph, route.line));
    strand = &layers.strands[right.after.front()];
  }
}

Part part_of(const Graph& graph, const std::vector<Line>& lines, const std::vector<std::size_t>& ranks,
             const std::vector<std::size_t>& nodes) {
  Layers layers = layers_of(graph, lines, ranks, nodes);
  order_items(layers);
  place_items(layers);
  const std::vector<Column> columns = columns_of(layers);

  Part part;
  part.width = columns.back().right;
  for (const Item& item : layers.items) {
    part.height = std::max(part.height, item.y + item.height / 2);
    if (item.what == Item::What::node) add_box(part, item, columns[item.column]);
  }
  for (const Strand& strand : layers.strands)
    if (layers.items[strand.left].what == Item::What::node)
      part.routes.push_back(route_from(graph, lines, layers, columns, strand));
  return part;
}

void add_part(Picture& picture, Part&& part, Point origin) {
  for (std::size_t at = 0; at < part.nodes.size(); ++at) {
    Box box = part.boxes[at];
    box.x += origin.x;
    box.y += origin.y;
    picture.boxes[part.nodes[at]] = box;
  }
  for (Route& route : part.routes) {
    for (Point& point : route.points) point = {point.x + origin.x, point.y + origin.y};
    route.label.x += origin.x;
    route.label.y += origin.y;
    picture.routes.push_back(std::move(route));
  }
  picture.width = std::max(picture.width, origin.x + part.width);
  picture.height = std::max(picture.height, origin.y + part.height);
}

}  // namespace

Picture lay_out(const Graph& graph) {
  constexpr double gap = 44;
  constexpr double breadth = 1.5;  // width to height that suits a page or a screen
  std::vector<Line> lines = lines_of(graph);
  const std::vector<std::size_t> ranks = rank_nodes(graph.nodes.size(), lines);
  std::vector<Part> parts;
  for (const auto& nodes : connected_parts(graph.nodes.size(), lines))
    parts.push_back(part_of(graph, lines, ranks, nodes));
  std::ranges::sort(parts, {}, [](const Part& part) { return std::pair{-part.height, part.nodes.front()}; });

  double area = 0;
  double widest = 0;
  for (const Part& part : parts) {
    area += (part.width + gap) * (part.height + gap);
    widest = std::max(widest, part.width);
  }
  const double shelf_width = std::max(widest, std::sqrt(area * breadth));

  Picture picture;
  picture.boxes.resize(graph.nodes.size());
  Point origin;
  double shelf_height = 0;
  for (Part& part : parts) {
    if (origin.x > 0 && origin.x + part.width > shelf_width) {
      origin = {0, origin.y + shelf_height + gap};
      shelf_height = 0;
    }
    const double width = part.width;
    shelf_height = std::max(shelf_height, part.height);
    add_part(picture, std::move(part), origin);
    origin.x += width + gap;
  }
  return picture;
}

}  // namespace ginnel::inventory
