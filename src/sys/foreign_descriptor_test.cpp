#include "ginnel/sys/foreign_descriptor.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <atomic>
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

TEST(CopyDescriptor, OfAThreadIsOfItsOwnTable) {
  std::atomic<pid_t> apart = 0;
  std::atomic<int> number = -1;
  std::atomic<bool> done = false;
  std::thread thread{[&] {
    ASSERT_EQ(::unshare(CLONE_FILES), 0);
    const UniqueFd mine{::eventfd(7, EFD_CLOEXEC)};
    number = ::fcntl(mine.get(), F_DUPFD_CLOEXEC, 700);
    apart = ::gettid();
    apart.notify_one();
    done.wait(false);
    ::close(number);
  }};
  apart.wait(0);
  const auto copy = copy_descriptor_of_thread(apart, number);
  if (!copy && copy.error().code() == EINVAL) {
    EXPECT_FALSE(copy_descriptor_of_thread(::getpid(), 0).has_value()) << "before Linux 6.9";
  } else {
    EXPECT_TRUE(copy.has_value()) << copy.error().message();
    std::uint64_t value = 0;
    EXPECT_EQ(::read(copy.value().get(), &value, sizeof value), static_cast<ssize_t>(sizeof value));
    EXPECT_EQ(value, 7U);
  }
  done = true;
  done.notify_one();
  thread.join();
  EXPECT_FALSE(copy_descriptor_of_thread(apart, 0).has_value()) << "it has ended";
}

TEST(IsWatchedAs, TheFileThatWasAddedAndNotWhatHasItsNumberNow) {
  const UniqueFd set{::epoll_create1(EPOLL_CLOEXEC)};
  const UniqueFd first{::eventfd(0, EFD_CLOEXEC)};
  const UniqueFd second{::eventfd(0, EFD_CLOEXEC)};
  const UniqueFd kept{::dup(first.get())};
  epoll_event event{};
  ASSERT_EQ(::epoll_ctl(set.get(), EPOLL_CTL_ADD, first.get(), &event), 0);
  const pid_t self = ::getpid();
  const auto is_watched = [&](int fd) { return is_watched_as({self, set.get()}, first.get(), {self, fd}); };
  const auto before = is_watched(first.get());
  if (!before && before.error().code() == ENOSYS) GTEST_SKIP() << "this kernel has no kcmp(2)";
  EXPECT_EQ(before, true);
  EXPECT_EQ(is_watched(second.get()), false);
  ASSERT_EQ(::dup2(second.get(), first.get()), first.get());
  EXPECT_EQ(is_watched(first.get()), false) << "the number is another file's now";
  EXPECT_EQ(is_watched(kept.get()), true);
  const auto never_added = is_watched_as({self, set.get()}, 999, {self, kept.get()});
  ASSERT_FALSE(never_added.has_value());
  EXPECT_EQ(never_added.error().code(), ENOENT);
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
