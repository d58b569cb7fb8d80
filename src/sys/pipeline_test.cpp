#include "ginnel/sys/pipeline.hpp"

#include <gtest/gtest.h>

#include <array>
#include <csignal>

#include "ginnel/sys/pipe.hpp"
#include "support/child_process.hpp"
#include "support/scratch.hpp"

namespace ginnel {
namespace {

using namespace std::chrono_literals;

std::vector<ExitStatus> statuses_of(Pipeline& pipeline) {
  auto ended = pipeline.wait(Deadline::after(30s));
  EXPECT_TRUE(ended && ended->is<std::vector<ExitStatus>>());
  return ended->as<std::vector<ExitStatus>>();
}

/// Runs the commands with their last output in a pipe, and says what came out of it.
std::string output_of(std::vector<Command> commands, std::vector<ExitStatus>* statuses = nullptr) {
  auto pipe = Pipe::create();
  EXPECT_TRUE(pipe);
  auto pipeline = Pipeline::start(std::move(commands), {.output = pipe->write_end.get()});
  pipe->write_end.reset();
  EXPECT_TRUE(pipeline) << pipeline.error().message();
  std::vector<std::byte> buffer(65536);
  auto got = read_all(pipe->read_end.get(), buffer);
  EXPECT_TRUE(got);
  const auto ended = statuses_of(*pipeline);
  if (statuses != nullptr) *statuses = ended;
  return std::string{as_text(std::span{buffer}.first(got->bytes))};
}

TEST(Pipeline, JoinsCommandsAsAShellDoes) {
  EXPECT_EQ(output_of({{"printf", "hello\\n"}, {"sed", "s/h/H/"}}), "Hello\n");
}

TEST(Pipeline, BytesKeepTheirOrderThroughFourCommands) {
  auto in = Pipe::create();
  auto out = Pipe::create();
  ASSERT_TRUE(in && out);
  auto pipeline = Pipeline::start({{"cat"}, {"cat"}, {"cat"}, {"cat"}},
                                  {.input = in->read_end.get(), .output = out->write_end.get()});
  ASSERT_TRUE(pipeline) << pipeline.error().message();
  in->read_end.reset();
  out->write_end.reset();

  const auto sent = test::test_pattern(8U << 20U);
  auto feeder = test::fork_child([&](test::Ready) {
    out->read_end.reset();
    auto put = write_all(in->write_end.get(), sent);
    ASSERT_TRUE(put);
    EXPECT_EQ(put->bytes, sent.size());
  });
  in->write_end.reset();
  std::vector<std::byte> received(sent.size() + 1);
  auto got = read_all(out->read_end.get(), received);
  ASSERT_TRUE(got);
  received.resize(got->bytes);
  EXPECT_EQ(received, sent);
  EXPECT_TRUE(feeder.wait().success());
  for (const ExitStatus& status : statuses_of(*pipeline)) EXPECT_TRUE(status.success());
}

TEST(Pipeline, TellsEachEndAndTheFirstFailure) {
  std::vector<ExitStatus> statuses;
  output_of({{"true"}, {"sh", "-c", "cat; exit 4"}, {"sh", "-c", "cat; kill -KILL $$"}, {"cat"}}, &statuses);
  ASSERT_EQ(statuses.size(), 4U);
  EXPECT_TRUE(statuses[0].success());
  EXPECT_EQ(statuses[1].to_string(), "exit 4");
  EXPECT_EQ(statuses[2].to_string(), "killed by SIGKILL");
  EXPECT_TRUE(statuses[3].success());
  EXPECT_EQ(first_failure(statuses), 1U);
}

TEST(Pipeline, ACommandCutShortByALaterOneIsBlamedOnlyWhenNoOtherFailed) {
  std::vector<ExitStatus> statuses;
  EXPECT_EQ(output_of({{"yes"}, {"head", "-n", "1"}}, &statuses), "y\n");
  EXPECT_EQ(statuses[0], (ExitStatus{ExitStatus::How::killed, SIGPIPE}));
  EXPECT_EQ(first_failure(statuses), 0U);
  output_of({{"yes"}, {"sh", "-c", "exit 2"}}, &statuses);
  EXPECT_EQ(first_failure(statuses), 1U);
  EXPECT_EQ(first_failure({}), std::nullopt);
}

TEST(Pipeline, NoCommandHoldsAnEndThatIsNotItsOwn) {
  const std::string listing = output_of({{"ls", "/proc/self/fd"}, {"cat"}});
  EXPECT_EQ(listing, "0\n1\n2\n3\n");
  EXPECT_EQ(output_of({{"true"}, {"ls", "/proc/self/fd"}, {"cat"}}), "0\n1\n2\n3\n");
}

TEST(Pipeline, OneThatCannotBeStartedTakesTheOthersWithIt) {
  const auto before = test::open_descriptors();
  auto pipe = Pipe::create();
  ASSERT_TRUE(pipe);
  auto pipeline =
      Pipeline::start({{"sleep", "1000"}, {"cat"}, {"ginnel-no-such-program"}}, {.output = pipe->write_end.get()});
  ASSERT_FALSE(pipeline);
  EXPECT_EQ(pipeline.error().object(), "ginnel-no-such-program");
  pipe->write_end.reset();
  std::array<std::byte, 1> byte{};
  EXPECT_TRUE(read_some(pipe->read_end.get(), byte, Deadline::after(30s))->is<EndOfStream>());
  pipe->read_end.reset();
  EXPECT_EQ(test::open_descriptors(), before);
}

TEST(Pipeline, AnEmptyOneIsRefused) {
  EXPECT_EQ(Pipeline::start({}).error().code(), EINVAL);
  EXPECT_EQ(Pipeline::start({{"true"}, {}}).error().message(), "pipeline command 2: EINVAL: it is empty");
}

TEST(Pipeline, DestructionEndsWhatStillRuns) {
  pid_t pid = 0;
  {
    auto pipeline = Pipeline::start({{"sleep", "1000"}, {"cat"}});
    ASSERT_TRUE(pipeline);
    pid = pipeline->processes().front().pid();
    auto still = pipeline->wait(Deadline::immediately());
    ASSERT_TRUE(still);
    EXPECT_TRUE(still->is<TimedOut>());
  }
  EXPECT_FALSE(ProcessIdentity::of(pid));
}

}  // namespace
}  // namespace ginnel
