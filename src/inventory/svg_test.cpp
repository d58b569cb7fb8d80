#include <gtest/gtest.h>

#include <regex>
#include <string>

#include "ginnel/inventory/graph.hpp"
#include "svg_picture.hpp"
#include "svg_text.hpp"

namespace ginnel::inventory {
namespace {

Graph processes(std::size_t count) {
  Graph graph;
  for (std::size_t place = 0; place < count; ++place)
    graph.nodes.push_back({.pid = static_cast<pid_t>(place + 1), .title = "process-" + std::to_string(place)});
  return graph;
}

void connect(Graph& graph, std::size_t from, std::size_t to, std::string label, bool both_ways = false) {
  graph.edges.push_back(
      {.from = from, .to = to, .object = {}, .label = std::move(label), .both_ways = both_ways, .waits = {}});
}

Graph pipeline() {
  Graph graph = processes(6);
  for (std::size_t stage = 1; stage < 6; ++stage) connect(graph, stage - 1, stage, "pipe 64 KiB of 64 KiB");
  return graph;
}

Graph star() {
  Graph graph = processes(40);
  for (std::size_t client = 1; client < 40; ++client)
    connect(graph, 0, client, "unix:/run/dbus/system_bus_socket", true);
  return graph;
}

Graph ring() {
  Graph graph = processes(7);
  for (std::size_t place = 0; place < 7; ++place) connect(graph, place, (place + 1) % 7, "pipe");
  return graph;
}

Graph everyone_with_everyone(std::size_t count) {
  Graph graph = processes(count);
  for (std::size_t from = 0; from < count; ++from)
    for (std::size_t to = from + 1; to < count; ++to)
      connect(graph, from, to, (from + to) % 3 == 0 ? "" : "sysv-shm", true);
  return graph;
}

Graph many_parts() {
  Graph graph = processes(60);
  for (std::size_t place = 0; place + 1 < 60; ++place)
    if (place % 4 != 3) connect(graph, place, place + 1, "pipe");
  return graph;
}

/// Neither regular nor random: each run draws the same.
Graph tangle() {
  Graph graph = processes(60);
  for (std::size_t step = 0; step < 120; ++step) {
    const std::size_t from = (step * 37 + 11) % 60;
    const std::size_t to = (step * step * 7 + 3) % 60;
    if (from != to) connect(graph, from, to, step % 5 == 0 ? "" : "unix:/run/" + std::to_string(step), step % 3 == 0);
  }
  return graph;
}

std::vector<Graph> examples() {
  return {pipeline(), star(),       ring(),      everyone_with_everyone(8), everyone_with_everyone(20), many_parts(),
          tangle(),   processes(1), processes(2)};
}

TEST(Picture, NoBoxLiesOnAnotherOrOutside) {
  for (const Graph& graph : examples()) {
    const Picture picture = lay_out(graph);
    ASSERT_EQ(picture.boxes.size(), graph.nodes.size());
    for (std::size_t one = 0; one < picture.boxes.size(); ++one) {
      const Box& box = picture.boxes[one];
      EXPECT_GT(box.width, 0);
      EXPECT_GE(box.x, 0);
      EXPECT_GE(box.y, 0);
      EXPECT_LE(box.right(), picture.width);
      EXPECT_LE(box.bottom(), picture.height);
      for (std::size_t other = one + 1; other < picture.boxes.size(); ++other)
        EXPECT_FALSE(box.overlaps(picture.boxes[other])) << one << " and " << other;
    }
  }
}

TEST(Picture, NoLabelLiesOnABoxOrOnAnotherLabel) {
  for (const Graph& graph : examples()) {
    const Picture picture = lay_out(graph);
    for (std::size_t one = 0; one < picture.routes.size(); ++one) {
      const Box& label = picture.routes[one].label;
      if (label.width == 0) continue;
      EXPECT_LE(label.bottom(), picture.height);
      for (const Box& box : picture.boxes) EXPECT_FALSE(label.overlaps(box));
      for (std::size_t other = one + 1; other < picture.routes.size(); ++other)
        EXPECT_FALSE(label.overlaps(picture.routes[other].label));
    }
  }
}

/// Whether the point lies on the upright side at `x` of the box.
bool at_side(const Point& point, double x, const Box& box) {
  constexpr double rounding = 0.001;
  return std::abs(point.x - x) < rounding && point.y > box.y && point.y < box.bottom();
}

TEST(Picture, EachLineRunsFromTheSideOfABoxToTheSideOfTheOther) {
  for (const Graph& graph : examples()) {
    const Picture picture = lay_out(graph);
    for (const Route& route : picture.routes) {
      const Box& left = picture.boxes[route.line.left];
      const Box& right = picture.boxes[route.line.right];
      EXPECT_TRUE(at_side(route.points.front(), left.right(), left));
      EXPECT_TRUE(at_side(route.points.back(), right.x, right));
      for (std::size_t at = 1; at < route.points.size(); ++at)
        EXPECT_LT(route.points[at - 1].x, route.points[at].x + 0.001) << "it never runs back";
    }
  }
}

/// A curve stays between the heights of its ends, so the box around it contains it.
TEST(Picture, NoLineRunsThroughABox) {
  for (const Graph& graph : examples()) {
    const Picture picture = lay_out(graph);
    for (const Route& route : picture.routes)
      for (std::size_t at = 1; at < route.points.size(); ++at) {
        const Point& from = route.points[at - 1];
        const Point& to = route.points[at];
        const Box around{from.x, std::min(from.y, to.y), to.x - from.x, std::abs(to.y - from.y)};
        for (const Box& box : picture.boxes) EXPECT_FALSE(around.overlaps(box));
      }
  }
}

TEST(Picture, EachEdgeIsInOneLine) {
  for (const Graph& graph : examples()) {
    std::vector<int> drawn(graph.edges.size());
    for (const Route& route : lay_out(graph).routes)
      for (const std::size_t edge : route.line.edges) {
        ++drawn[edge];
        const GraphEdge& one = graph.edges[edge];
        EXPECT_EQ(std::minmax(one.from, one.to), std::minmax(route.line.left, route.line.right));
      }
    for (const int times : drawn) EXPECT_EQ(times, 1);
  }
}

TEST(Picture, DataFlowToTheRight) {
  const Graph graph = pipeline();
  const Picture picture = lay_out(graph);
  for (const GraphEdge& edge : graph.edges) EXPECT_LT(picture.boxes[edge.from].right(), picture.boxes[edge.to].x);
  for (const Route& route : picture.routes) EXPECT_TRUE(route.line.forth && !route.line.back);
}

TEST(Picture, APipelineIsOneStraightRow) {
  const Picture picture = lay_out(pipeline());
  for (const Box& box : picture.boxes) EXPECT_NEAR(box.y, picture.boxes[0].y, 0.5);
}

TEST(Picture, ClientsStandOnBothSidesOfTheirServer) {
  const Picture picture = lay_out(star());
  int left = 0;
  for (const Box& box : picture.boxes) left += box.right() < picture.boxes[0].x ? 1 : 0;
  EXPECT_GE(left, 19);
  EXPECT_LE(left, 20);
}

TEST(Picture, TwoLinesDoNotCrossWithoutNeed) {
  Graph graph = processes(4);
  connect(graph, 0, 3, "");
  connect(graph, 1, 2, "");
  connect(graph, 0, 2, "");
  const Picture picture = lay_out(graph);
  EXPECT_EQ(picture.boxes[0].y < picture.boxes[1].y, picture.boxes[3].y < picture.boxes[2].y);
}

TEST(Picture, EdgesBetweenTheSameTwoAreOneLine) {
  Graph graph = processes(2);
  connect(graph, 0, 1, "pipe");
  connect(graph, 1, 0, "unix");
  const Picture picture = lay_out(graph);
  ASSERT_EQ(picture.routes.size(), 1U);
  EXPECT_EQ(picture.routes[0].caption.rows, (std::vector<std::string>{"→ pipe", "← unix"}));
  EXPECT_TRUE(picture.routes[0].line.both_ways());
}

TEST(Picture, ALongLabelCountsWhatItLeavesOut) {
  Graph graph = processes(2);
  for (int number = 0; number < 9; ++number) connect(graph, 0, 1, "pipe " + std::to_string(number));
  EXPECT_EQ(lay_out(graph).routes[0].caption.rows,
            (std::vector<std::string>{"pipe 0", "pipe 1", "pipe 2", "and 6 more"}));
}

TEST(Picture, EqualEdgesAreCounted) {
  Graph graph = processes(2);
  for (int number = 0; number < 9; ++number) connect(graph, 0, 1, "pipe");
  EXPECT_EQ(lay_out(graph).routes[0].caption.rows, std::vector<std::string>{"9 × pipe"});
}

TEST(Picture, InACrowdOnlyBlockedLinesHaveLabels) {
  Graph graph = everyone_with_everyone(12);
  graph.edges[5].state = EdgeState::blocked;
  graph.edges[5].waits = "process-0(1) waits to write";
  std::size_t labelled = 0;
  for (const Route& route : lay_out(graph).routes) labelled += route.caption.rows.empty() ? 0 : 1;
  EXPECT_EQ(labelled, 1U);
}

std::size_t times(const std::string& text, const std::string& pattern) {
  const std::regex expression{pattern};
  return static_cast<std::size_t>(
      std::distance(std::sregex_iterator{text.begin(), text.end(), expression}, std::sregex_iterator{}));
}

TEST(Svg, DrawsEachNodeAndLineOnce) {
  Graph graph = star();
  graph.nodes.push_back({.pid = 0, .title = "shm:/x", .object = ObjectId{}});
  connect(graph, 0, 40, "");
  const std::string svg = to_svg(graph);
  const std::string drawing = svg.substr(svg.find("<g transform"));
  EXPECT_EQ(times(drawing, "<rect class=\"process\""), 40U);
  EXPECT_EQ(times(drawing, "<rect class=\"object\""), 1U);
  EXPECT_EQ(times(drawing, "<path class=\"line\""), 40U);
  EXPECT_EQ(times(drawing, "<path class=\"tip\""), 39U * 2 + 1);
  EXPECT_EQ(times(drawing, "<g[ >]"), times(drawing, "</g>"));
  EXPECT_TRUE(svg.ends_with("</svg>\n"));
}

TEST(Svg, TheViewBoxHoldsThePicture) {
  const Graph graph = tangle();
  const Picture picture = lay_out(graph);
  const std::string svg = to_svg(graph);
  std::smatch found;
  ASSERT_TRUE(std::regex_search(svg, found, std::regex{R"re(viewBox="0 0 ([0-9.]+) ([0-9.]+)")re"}));
  std::smatch moved;
  ASSERT_TRUE(std::regex_search(svg, moved, std::regex{R"re(translate\(([0-9.]+),([0-9.]+)\))re"}));
  EXPECT_GE(std::stod(found[1]), std::stod(moved[1]) + picture.width);
  EXPECT_GE(std::stod(found[2]), std::stod(moved[2]) + picture.height);
}

TEST(Svg, NamesAreTextAndNothingElse) {
  Graph graph = processes(2);
  graph.nodes[0].title = "<script>&\"\x01\xff";
  connect(graph, 0, 1, "fifo:/tmp/<b>");
  const std::string svg = to_svg(graph);
  EXPECT_FALSE(svg.contains("<script>"));
  EXPECT_TRUE(svg.contains("&lt;script&gt;&amp;&quot;\xef\xbf\xbd\xef\xbf\xbd")) << svg;
  EXPECT_TRUE(svg.contains("fifo:/tmp/&lt;b&gt;")) << svg;
}

TEST(Svg, SaysThatThereIsNothing) { EXPECT_TRUE(to_svg(Graph{}).contains("No process is connected with another")); }

TEST(Svg, BlockedLinesAreOfAClassOfTheirOwn) {
  Graph graph = processes(2);
  connect(graph, 0, 1, "pipe");
  graph.edges[0].state = EdgeState::blocked;
  graph.edges[0].waits = "process-0(1) waits to write";
  const std::string svg = to_svg(graph);
  EXPECT_TRUE(svg.contains("2 processes, 1 connection, 1 blocked")) << svg;
  EXPECT_TRUE(svg.contains("<g class=\"blocked\"><title>pipe: process-0(1) waits to write</title>")) << svg;
}

TEST(SvgText, ShortensInTheMiddleAndBetweenCharacters) {
  EXPECT_EQ(shorten("unix:/run/a", 11), "unix:/run/a");
  EXPECT_EQ(shorten("unix:/run/system/bus", 11), "unix:…m/bus");
  EXPECT_EQ(shorten("äöüäöü", 5), "äö…öü");
}

TEST(SvgText, WritesNumbersShort) {
  EXPECT_EQ(number(12), "12");
  EXPECT_EQ(number(12.34), "12.3");
  EXPECT_EQ(number(-0.25), "-0.3");
  EXPECT_EQ(number(-0.01), "0");
}

}  // namespace
}  // namespace ginnel::inventory
