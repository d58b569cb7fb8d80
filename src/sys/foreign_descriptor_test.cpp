#include "ginnel/sys/foreign_descriptor.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <thread>

#include "ginnel/sys/pipe.hpp"
#include "support/child_process.hpp"

namespace ginnel {
namespace {

/// What a child says of a descriptor of its own, as a number.
int number_in(const std::string& line) { return std::stoi(line); }

TEST(CopyDescriptor, ReachesWhatAnotherProcessHasOpen) {
  auto child = test::fork_child([](test::Ready ready) {
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe(ends.data()), 0);
    ASSERT_EQ(::write(ends[1], "hello", 5), 5);
    ready.say(std::to_string(ends[0]));
    ready.stay();
  });
  const int fd = number_in(child.next_line());
  const auto copy = copy_descriptor(child.process(), fd);
  if (!copy && copy.error().code() == EPERM) GTEST_SKIP() << "looking into other processes is forbidden here";
  ASSERT_TRUE(copy.has_value()) << copy.error().message();
  const auto status = pipe_status(copy->get());
  ASSERT_TRUE(status.has_value());
  EXPECT_EQ(status->waiting, 5U);
  EXPECT_NE(::fcntl(copy->get(), F_GETFD) & FD_CLOEXEC, 0);
}

TEST(CopyDescriptor, OfANumberThatIsNotOpenIsEBADF) {
  auto child = test::fork_child([](test::Ready ready) {
    ready.say();
    ready.stay();
  });
  child.wait_until_ready();
  const auto copy = copy_descriptor(child.process(), 987);
  ASSERT_FALSE(copy.has_value());
  EXPECT_EQ(copy.error().code(), EBADF);
}

TEST(CopyDescriptor, AnotherUserIsToldWhatItTakes) {
  GINNEL_REQUIRE_ROOT();
  auto other = test::fork_child_as(test::other_uid, [parent = ::getpid()](test::Ready) {
    const auto process = Process::open(parent);
    ASSERT_TRUE(process.has_value());
    const auto copy = copy_descriptor(*process, 0);
    ASSERT_FALSE(copy.has_value());
    EXPECT_EQ(copy.error().code(), EPERM);
    EXPECT_NE(copy.error().hint().find("CAP_SYS_PTRACE"), std::string::npos);
  });
  EXPECT_TRUE(other.wait().success());
}

TEST(PipeStatus, SixteenPacketsOfOneByteFillAPipe) {
  auto pipe = Pipe::create({.nonblocking = true, .packets = true});
  ASSERT_TRUE(pipe.has_value());
  for (int i = 0; i < 16; ++i) {
    EXPECT_EQ(pipe_status(pipe->write_end.get())->full, false) << i;
    ASSERT_EQ(::write(pipe->write_end.get(), "x", 1), 1);
  }
  const auto full = pipe_status(pipe->write_end.get());
  EXPECT_EQ(full->full, true);
  EXPECT_EQ(full->waiting, 16U);
  EXPECT_EQ(full->capacity, 65536U);
  EXPECT_FALSE(pipe_status(pipe->read_end.get())->full.has_value()) << "a reading end cannot tell";
}

TEST(PipeStatus, OfAnythingElseIsAnError) {
  const UniqueFd file{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
  EXPECT_EQ(pipe_status(file.get()).error().code(), EBADF);
}

TEST(MemfdSeals, AreToldByTheirNames) {
  const UniqueFd memfd{::memfd_create("ginnel-test", MFD_CLOEXEC | MFD_ALLOW_SEALING)};
  EXPECT_EQ(memfd_seals(memfd.get()).value(), std::vector<std::string>{});
  ASSERT_EQ(::fcntl(memfd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_WRITE), 0);
  EXPECT_EQ(memfd_seals(memfd.get()).value(), (std::vector<std::string>{"shrink", "write"}));
  const UniqueFd null{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
  EXPECT_EQ(memfd_seals(null.get()).error().code(), EINVAL);
}

TEST(CompareDescriptions, CopiesAreOneAndOthersHaveAnOrder) {
  const UniqueFd a{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
  const UniqueFd copy{::fcntl(a.get(), F_DUPFD_CLOEXEC, 0)};
  const UniqueFd b{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
  const pid_t self = ::getpid();
  const auto same = compare_descriptions({self, a.get()}, {self, copy.get()});
  if (!same && same.error().code() == ENOSYS) GTEST_SKIP() << "this kernel has no kcmp(2)";
  ASSERT_TRUE(same.has_value()) << same.error().message();
  EXPECT_EQ(*same, std::strong_ordering::equal);
  const auto forth = compare_descriptions({self, a.get()}, {self, b.get()});
  const auto back = compare_descriptions({self, b.get()}, {self, a.get()});
  EXPECT_TRUE(*forth != std::strong_ordering::equal);
  EXPECT_TRUE((*forth == std::strong_ordering::less) == (*back == std::strong_ordering::greater));
}

TEST(SharesDescriptors, UntilAThreadHasATableOfItsOwn) {
  pid_t ordinary = 0;
  pid_t apart = 0;
  const auto shares = [](pid_t thread) { return shares_descriptors(::getpid(), thread); };
  std::thread first{[&] {
    ordinary = ::gettid();
    const auto answer = shares(ordinary);
    EXPECT_TRUE(!answer || *answer);
  }};
  first.join();
  std::thread second{[&] {
    ASSERT_EQ(::unshare(CLONE_FILES), 0);
    apart = ::gettid();
    const auto answer = shares(apart);
    EXPECT_TRUE(!answer || !*answer);
  }};
  second.join();
  EXPECT_NE(ordinary, 0);
  EXPECT_NE(apart, 0);
}

}  // namespace
}  // namespace ginnel
