#include <gtest/gtest.h>

#include "ginnel/inventory/graph.hpp"

namespace ginnel::inventory {
namespace {

TEST(Dot, WritesNodesAndEdges) {
  const Graph graph{
      .nodes = {{.pid = 1, .title = "a"}, {.pid = 2, .title = "b"}, {.pid = 0, .title = "mq:/q", .object = ObjectId{}}},
      .edges = {{.from = 0, .to = 1, .object = {}, .label = "pipe", .waits = {}},
                {.from = 1,
                 .to = 2,
                 .object = {},
                 .label = {},
                 .both_ways = true,
                 .state = EdgeState::blocked,
                 .waits = "b(2) waits to send"}}};
  const std::string dot = to_dot(graph);
  EXPECT_TRUE(dot.starts_with("digraph ginnel {\n")) << dot;
  EXPECT_TRUE(dot.ends_with("}\n")) << dot;
  EXPECT_TRUE(dot.contains(R"(p1 [label="a\npid 1"];)")) << dot;
  EXPECT_TRUE(dot.contains(R"(o2 [label="mq:/q", shape=ellipse)")) << dot;
  EXPECT_TRUE(dot.contains(R"(p1 -> p2 [label="pipe",)")) << dot;
  EXPECT_TRUE(dot.contains(R"(p2 -> o2 [label="b(2) waits to send", color="#dc2626", dir=both, penwidth=2];)")) << dot;
}

TEST(Dot, NamesCannotBreakOut) {
  const Graph graph{.nodes = {{.pid = 1, .title = "a\"];x\\"}, {.pid = 2, .title = "b\n\xff"}}, .edges = {}};
  const std::string dot = to_dot(graph);
  EXPECT_TRUE(dot.contains(R"(label="a\"];x\\\npid 1")")) << dot;
  EXPECT_TRUE(dot.contains("label=\"b\xef\xbf\xbd\xef\xbf\xbd\\npid 2\"")) << dot;
}

}  // namespace
}  // namespace ginnel::inventory
