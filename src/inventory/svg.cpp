#include <algorithm>
#include <array>
#include <string>

#include "graph_text.hpp"
#include "svg_picture.hpp"
#include "svg_style.hpp"
#include "svg_text.hpp"

namespace ginnel::inventory {
namespace {

constexpr double margin = 28;
constexpr double heading_height = 78;  ///< title and legend, above everything
constexpr double least_width = 640;    ///< that these need

std::string attribute(std::string_view name, double value) {
  return " " + std::string{name} + "=\"" + number(value) + "\"";
}

std::string at(Point point) { return number(point.x) + "," + number(point.y); }

std::string rectangle(std::string_view kind, const Box& box, double radius) {
  return "<rect class=\"" + std::string{kind} + "\"" + attribute("x", box.x) + attribute("y", box.y) +
         attribute("width", box.width) + attribute("height", box.height) + attribute("rx", radius) + "/>";
}

std::string written(std::string_view kind, Point middle, std::string_view text) {
  return "<text class=\"" + std::string{kind} + "\"" + attribute("x", middle.x) + attribute("y", middle.y) + ">" +
         escaped(text) + "</text>";
}

/// `towards` is 1 for a tip that points right, -1 for one that points left.
std::string arrowhead(Point tip, double towards) {
  const double back = tip.x - towards * arrow_length;
  return "<path class=\"tip\" d=\"M" + at(tip) + " L" + at({back, tip.y - arrow_half_width}) + " L" +
         at({back, tip.y + arrow_half_width}) + " Z\"/>";
}

/// The line itself stops behind the tips, so that it does not show beside them.
std::string curve(const Route& route) {
  std::vector<Point> points = route.points;
  constexpr double overlap = 1;
  if (route.line.back) points.front().x += arrow_length - overlap;
  if (route.line.forth) points.back().x -= arrow_length - overlap;
  std::string path = "M" + at(points.front());
  for (std::size_t place = 1; place < points.size(); ++place) {
    const Point& from = points[place - 1];
    const Point& to = points[place];
    const double middle = (from.x + to.x) / 2;
    if (place % 2 == 1)
      path += " C" + at({middle, from.y}) + " " + at({middle, to.y}) + " " + at(to);
    else
      path += " L" + at(to);
  }
  return "<path class=\"line\" d=\"" + path + "\"/>";
}

std::string draw_route(const Graph& graph, const Route& route) {
  std::string out = "<g class=\"" + std::string{to_string(route.line.state)} + "\">";
  out += "<title>" + escaped(full_label(graph, route.line)) + "</title>" + curve(route);
  if (route.line.forth) out += arrowhead(route.points.back(), 1);
  if (route.line.back) out += arrowhead(route.points.front(), -1);
  if (!route.caption.rows.empty()) {
    out += rectangle("label", route.label, label_padding);
    const double x = route.label.x + route.label.width / 2;
    double baseline = route.label.y + label_padding / 2 + small_size;
    for (const std::string& row : route.caption.rows) {
      out += written("row", {x, baseline}, row);
      baseline += row_height;
    }
  }
  return out + "</g>\n";
}

std::string draw_node(const GraphNode& node, const Box& box) {
  const Caption caption = caption_of(node);
  const Point middle{box.x + box.width / 2, box.y + box.height / 2};
  constexpr double process_radius = 9;
  std::string out = "<g><title>" + escaped(node.title) + "</title>";
  out += node.is_process() ? rectangle("process", box, process_radius) : rectangle("object", box, box_height / 2);
  if (!node.is_process()) return out + written("name", {middle.x, middle.y + 4}, caption.rows.front()) + "</g>\n";
  out += written("name", {middle.x, middle.y - 2}, caption.rows.front());
  return out + written("pid", {middle.x, middle.y + 14}, caption.rows.back()) + "</g>\n";
}

std::string draw_legend() {
  constexpr double y = 58;
  struct Sample {
    std::string_view state;
    std::string_view text;
    double x;
  };
  constexpr double process_x = margin;
  constexpr double object_x = margin + 94;
  std::string out = "<g class=\"legend\">";
  out += rectangle("process", {process_x, y - 7, 24, 14}, 4) + written("key", {process_x + 31, y + 4}, "process");
  out += rectangle("object", {object_x, y - 7, 24, 14}, 7) + written("key", {object_x + 31, y + 4}, "object");
  constexpr std::array samples{Sample{"quiet", "data can flow", margin + 180},
                               Sample{"awaited", "a reader waits for data", margin + 310},
                               Sample{"blocked", "blocked", margin + 492}};
  for (const Sample& sample : samples)
    out += "<g class=\"" + std::string{sample.state} + "\"><path class=\"line\" d=\"M" + at({sample.x, y}) + " L" +
           at({sample.x + 20, y}) + "\"/>" + arrowhead({sample.x + 27, y}, 1) +
           written("key", {sample.x + 35, y + 4}, sample.text) + "</g>";
  return out + "</g>\n";
}

std::string counted(std::size_t count, std::string_view one, std::string_view several) {
  return std::to_string(count) + " " + std::string{count == 1 ? one : several};
}

std::string heading(const Graph& graph) {
  const auto processes = static_cast<std::size_t>(std::ranges::count_if(graph.nodes, &GraphNode::is_process));
  const auto blocked = static_cast<std::size_t>(std::ranges::count(graph.edges, EdgeState::blocked, &GraphEdge::state));
  if (processes == 0) return "No process is connected with another";
  std::string text =
      counted(processes, "process", "processes") + ", " + counted(graph.edges.size(), "connection", "connections");
  if (blocked > 0) text += ", " + std::to_string(blocked) + " blocked";
  return text;
}

/// Rules for this picture only: it may stand in a page that has others.
std::string rule(std::string_view selector, std::string_view body) {
  return ".ginnel " + std::string{selector} + "{" + std::string{body} + "}";
}

std::string style_sheet() {
  std::string css = rule("text", "font-family:system-ui,sans-serif;fill:#0f172a;text-anchor:middle") +
                    rule(".heading", "font-size:17px;font-weight:600;text-anchor:start") +
                    rule(".key", "font-size:11px;fill:#475569;text-anchor:start") +
                    rule(".name", "font-weight:600;font-size:" + number(title_size) + "px") +
                    rule(".pid", "fill:#64748b;font-size:" + number(small_size) + "px") +
                    rule(".row", "font-size:" + number(small_size) + "px") +
                    rule(".process", "fill:#ffffff;stroke:#334155;stroke-width:1.3") +
                    rule(".object", "fill:#eef2ff;stroke:#6366f1;stroke-width:1.2;stroke-dasharray:4 3") +
                    rule(".line", "fill:none;stroke-width:1.5") + rule(".label", "fill:#f8fafc;stroke-width:.8");
  for (const EdgeState state : {EdgeState::quiet, EdgeState::awaited, EdgeState::blocked}) {
    const std::string prefix = "." + std::string{to_string(state)} + " ";
    css += rule(prefix + ".line", "stroke:" + std::string{colour_of(state)}) +
           rule(prefix + ".label", "stroke:" + std::string{colour_of(state)}) +
           rule(prefix + ".tip", "fill:" + std::string{colour_of(state)});
  }
  return css + rule(".blocked .line", "stroke-width:2.4") + rule(".blocked .row", "fill:#b91c1c") +
         rule(".awaited .row", "fill:#92400e");
}

}  // namespace

std::string to_svg(const Graph& graph) {
  const Picture picture = lay_out(graph);
  const double width = std::max(picture.width, least_width) + 2 * margin;
  const double height = picture.height + heading_height + 2 * margin;
  const std::string size = number(width) + " " + number(height);

  std::string svg = "<svg class=\"ginnel\" xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " + size + "\"" +
                    attribute("width", width) + attribute("height", height) + " role=\"img\">\n";
  svg += "<title>" + escaped(heading(graph)) + "</title>\n<style>" + style_sheet() + "</style>\n";
  svg += "<rect" + attribute("width", width) + attribute("height", height) + " fill=\"#f8fafc\"/>\n";
  svg += written("heading", {margin, margin + 8}, heading(graph)) + "\n" + draw_legend();
  svg += "<g transform=\"translate(" +
         at({margin + std::max(0.0, least_width - picture.width) / 2, heading_height + margin}) + ")\">\n";
  for (const Route& route : picture.routes) svg += draw_route(graph, route);
  for (std::size_t node = 0; node < graph.nodes.size(); ++node)
    svg += draw_node(graph.nodes[node], picture.boxes[node]);
  return svg + "</g>\n</svg>\n";
}

}  // namespace ginnel::inventory
