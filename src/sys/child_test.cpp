#include "ginnel/sys/child.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <stdexcept>

#include "ginnel/sys/io.hpp"
#include "ginnel/sys/pipe.hpp"

namespace ginnel {
namespace {

using namespace std::chrono_literals;

std::string ended(Process& child) {
  auto status = child.collect();
  return status && status->is<ExitStatus>() ? status->as<ExitStatus>().to_string() : "not collected";
}

TEST(Child, EndsWithTheCodeOfItsBody) {
  auto child = start_child([] { return 7; });
  ASSERT_TRUE(child) << child.error().message();
  EXPECT_EQ(ended(*child), "exit 7");
}

TEST(Child, AnExceptionEndsItWith255AndReachesNobody) {
  auto child = start_child([]() -> int { throw std::runtime_error{"lost"}; });
  ASSERT_TRUE(child);
  EXPECT_EQ(ended(*child), "exit 255");
}

TEST(Child, IsKilledWithItsParent) {
  auto life = Pipe::create();
  ASSERT_TRUE(life);
  auto parent = start_child([&] {
    auto child = start_child([] {
      while (true) ::pause();
      return 0;
    });
    life->write_end.reset();
    if (!child) return 1;
    while (true) ::pause();
    return 0;
  });
  ASSERT_TRUE(parent);
  life->write_end.reset();
  ASSERT_TRUE(parent->signal(SIGKILL));
  EXPECT_EQ(ended(*parent), "killed by SIGKILL");
  // The end of the stream: the child's copy of the writing end is closed too.
  std::byte nothing{};
  auto end = read_some(life->read_end.get(), {&nothing, 1}, Deadline::after(60s));
  ASSERT_TRUE(end);
  EXPECT_TRUE(end->is<EndOfStream>());
}

}  // namespace
}  // namespace ginnel
