#include "ginnel/sys/pipe_states.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>

#include "ginnel/sys/pipe.hpp"
#include "support/child_process.hpp"
#include "support/scratch.hpp"

namespace ginnel {
namespace {

/// Skips where the kernel lets nobody, or not this user, do it.
#define GINNEL_REQUIRE_STATES(states)        \
  const auto states = PipeStates::prepare(); \
  if (!states) GTEST_SKIP() << states.error().message()

std::optional<PipeState> state_of(const std::vector<PipeState>& all, int fd) {
  struct stat status{};
  if (::fstat(fd, &status) != 0) return std::nullopt;
  const auto found = std::ranges::find_if(
      all, [&](const PipeState& state) { return state.inode == status.st_ino && state.device == status.st_dev; });
  return found == all.end() ? std::nullopt : std::optional{*found};
}

TEST(PipeStates, AreWhatThePipesSayThemselves) {
  GINNEL_REQUIRE_STATES(states);
  const auto pipe = Pipe::create();
  const auto packets = Pipe::create({.nonblocking = true, .packets = true});
  ASSERT_TRUE(pipe && packets);
  ASSERT_EQ(::write(pipe->write_end.get(), "12345", 5), 5);
  while (::write(packets->write_end.get(), "x", 1) == 1) {
  }
  const UniqueFd second_reader{::dup(pipe->read_end.get())};

  const auto all = states->read();
  ASSERT_TRUE(all.has_value()) << all.error().message();
  const auto first = state_of(*all, pipe->read_end.get());
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(first->waiting, 5U);
  EXPECT_EQ(first->capacity, static_cast<std::uint64_t>(::fcntl(pipe->read_end.get(), F_GETPIPE_SZ)));
  EXPECT_FALSE(first->full);
  EXPECT_EQ(first->readers, 1U) << "two descriptors of one open file are one reader";
  EXPECT_EQ(first->writers, 1U);
  const auto second = state_of(*all, packets->write_end.get());
  ASSERT_TRUE(second.has_value());
  EXPECT_EQ(second->waiting, 16U);
  EXPECT_TRUE(second->full) << "sixteen packets of one byte";
}

TEST(PipeStates, OfFifosOfOtherProcessesAreThere) {
  GINNEL_REQUIRE_STATES(states);
  const test::ScratchDirectory folder;
  const std::string path = folder.path() + "/fifo";
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  auto child = test::fork_child([&](test::Ready ready) {
    const int fd = ::open(path.c_str(), O_RDWR);
    ASSERT_EQ(::write(fd, "123", 3), 3);
    ready.say();
    ready.stay();
  });
  child.wait_until_ready();
  const UniqueFd place{::open(path.c_str(), O_PATH)};
  const auto all = states->read();
  ASSERT_TRUE(all.has_value());
  const auto fifo = state_of(*all, place.get());
  ASSERT_TRUE(fifo.has_value());
  EXPECT_EQ(fifo->waiting, 3U);
  EXPECT_EQ(fifo->readers, 1U);
  EXPECT_EQ(fifo->writers, 1U);
}

TEST(PipeStates, CountWhatIsReadAndWrittenAllAroundTheRing) {
  GINNEL_REQUIRE_STATES(states);
  const auto pipe = Pipe::create();
  ASSERT_TRUE(pipe.has_value());
  std::array<char, 4096> page{};
  std::uint64_t held = 0;
  for (int turn = 0; turn < 40; ++turn) {
    ASSERT_EQ(::write(pipe->write_end.get(), page.data(), page.size()), 4096);
    held += page.size();
    if (turn % 4 != 0) {
      ASSERT_EQ(::read(pipe->read_end.get(), page.data(), 4000), 4000);
      held -= 4000;
    }
    const auto all = states->read();
    ASSERT_TRUE(all.has_value());
    EXPECT_EQ(state_of(*all, pipe->read_end.get())->waiting, held) << turn;
  }
}

TEST(PipeStates, OfALargePipeThatHoldsMuchTellEverythingButTheBytes) {
  GINNEL_REQUIRE_STATES(states);
  const auto pipe = Pipe::create();
  ASSERT_TRUE(pipe.has_value());
  ASSERT_EQ(::fcntl(pipe->write_end.get(), F_SETPIPE_SZ, 32 * 4096), 32 * 4096);
  const std::array<char, 4096> page{};
  for (int slot = 1; slot <= 32; ++slot) {
    ASSERT_EQ(::write(pipe->write_end.get(), page.data(), page.size()), 4096);
    const auto all = states->read();
    ASSERT_TRUE(all.has_value());
    const auto state = state_of(*all, pipe->write_end.get());
    ASSERT_TRUE(state.has_value());
    EXPECT_EQ(state->waiting.has_value(), slot <= 16) << slot;
    const auto held = static_cast<std::uint32_t>(slot) * 4096U;
    EXPECT_EQ(state->waiting.value_or(held), held);
    EXPECT_EQ(state->full, slot == 32);
  }
}

TEST(PipeStates, AreForThePrivileged) {
  GINNEL_REQUIRE_ROOT();
  auto other = test::fork_child_as(test::other_uid, [](test::Ready) {
    const auto states = PipeStates::prepare();
    ASSERT_FALSE(states.has_value());
    EXPECT_TRUE(states.error().code() == EPERM || states.error().code() == EACCES) << states.error().message();
    EXPECT_NE(states.error().hint().find("CAP_BPF"), std::string::npos);
  });
  EXPECT_TRUE(other.wait().success());
}

}  // namespace
}  // namespace ginnel
