#include "polled_files.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>

#include "ginnel/core/unique_fd.hpp"

namespace ginnel::inventory {
namespace {

std::string info_of(int fd) {
  std::ifstream file{"/proc/self/fdinfo/" + std::to_string(fd)};
  return {std::istreambuf_iterator<char>{file}, std::istreambuf_iterator<char>{}};
}

template <class Value>
std::string bytes_of(const Value& value) {
  std::string bytes(sizeof value, '\0');
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

TEST(PolledFiles, AreThoseOfTheArrayWithTheirDirection) {
  const std::array<pollfd, 4> array{
      pollfd{.fd = 5, .events = POLLIN, .revents = 0}, pollfd{.fd = -1, .events = POLLIN, .revents = 0},
      pollfd{.fd = 6, .events = POLLOUT | POLLRDHUP, .revents = 0}, pollfd{.fd = 7, .events = 0, .revents = 0}};
  const auto files = polled_files(bytes_of(array));
  ASSERT_EQ(files.size(), 3U) << "a negative number is passed over";
  EXPECT_EQ(files[0], (PolledFile{.fd = 5, .reading = true}));
  EXPECT_EQ(files[1], (PolledFile{.fd = 6, .reading = true, .writing = true}));
  EXPECT_EQ(files[2], (PolledFile{.fd = 7})) << "for its end";
  EXPECT_EQ(polled_files(bytes_of(array).substr(0, sizeof(pollfd) + 3)).size(), 1U) << "what is cut off is none";
}

TEST(PolledFiles, OfSelectAreTheBitsOfItsSets) {
  fd_set reading;
  fd_set writing;
  FD_ZERO(&reading);
  FD_ZERO(&writing);
  FD_SET(3, &reading);
  FD_SET(70, &reading);
  FD_SET(70, &writing);
  const auto files = selected_files(bytes_of(reading), bytes_of(writing), 71);
  ASSERT_EQ(files.size(), 2U);
  EXPECT_EQ(files[0], (PolledFile{.fd = 3, .reading = true}));
  EXPECT_EQ(files[1], (PolledFile{.fd = 70, .reading = true, .writing = true}));
  EXPECT_EQ(selected_files("", bytes_of(writing), FD_SETSIZE).size(), 1U);
  EXPECT_EQ(selected_files(bytes_of(reading), bytes_of(writing), 70).size(), 1U) << "the first argument is a bound";
}

TEST(PolledFiles, OfAnEpollSetAreThoseOfItsFdinfo) {
  const UniqueFd set{::epoll_create1(EPOLL_CLOEXEC)};
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  const UniqueFd reading{ends[0]};
  const UniqueFd writing{ends[1]};
  const auto watch = [&](int fd, std::uint32_t events) {
    epoll_event event{.events = events, .data = {.u64 = 0xffff'ffff'ffff'ffff}};
    return ::epoll_ctl(set.get(), EPOLL_CTL_ADD, fd, &event);
  };
  ASSERT_EQ(watch(reading.get(), EPOLLIN | EPOLLET), 0);
  ASSERT_EQ(watch(writing.get(), EPOLLONESHOT | EPOLLOUT), 0);
  struct stat status{};
  ASSERT_EQ(::fstat(reading.get(), &status), 0);

  auto files = watched_files(info_of(set.get()));
  ASSERT_EQ(files.size(), 2U) << info_of(set.get());
  const auto& first = files[files[0].fd == reading.get() ? 0 : 1];
  EXPECT_TRUE(first.reading);
  EXPECT_FALSE(first.writing);
  EXPECT_TRUE(first.edge_triggered);
  EXPECT_EQ(first.inode, status.st_ino);
  EXPECT_EQ(first.device, status.st_dev);

  epoll_event told{};
  ASSERT_EQ(::epoll_wait(set.get(), &told, 1, 0), 1);
  files = watched_files(info_of(set.get()));
  ASSERT_EQ(files.size(), 1U) << "a one-shot event that was told is not waited for any more";
  EXPECT_EQ(files[0].fd, reading.get());
}

TEST(PolledFiles, WhatIsNoWatchIsPassedOver) {
  for (const char* text : {"", "tfd:", "tfd: -1 events: 19", "tfd: 5 events:", "tfd: 5 events: zz",
                           "pos:\t0\nflags:\t02", "tfd: 99999999999 events: 19 data: 5 pos:0 ino:1 sdev:8"})
    EXPECT_TRUE(watched_files(text).empty()) << text;
  const auto old = watched_files("tfd:        5 events:       19 data:                5\n");
  ASSERT_EQ(old.size(), 1U) << "Linux before 4.14 tells no file";
  EXPECT_EQ(old[0].inode, 0U);
}

}  // namespace
}  // namespace ginnel::inventory
