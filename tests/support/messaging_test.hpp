#pragma once

#include <gtest/gtest.h>
#include <poll.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "support/scratch.hpp"

namespace ginnel::test {

/// A home of the test's own, in shared memory as a user's is. At the end no descriptor is left open.
class MessagingTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directory(home_);
    std::filesystem::permissions(home_, std::filesystem::perms::owner_all);
    ASSERT_EQ(::setenv("GINNEL_HOME", home_.c_str(), 1), 0);
    before_ = open_descriptors();
  }
  void TearDown() override {
    EXPECT_EQ(open_descriptors(), before_);
    std::filesystem::remove_all(home_);
  }
  /// In the folder of an object, as `topic:pose`.
  [[nodiscard]] std::vector<std::string> files(const std::string& folder) const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator{home_ + "/" + folder})
      names.push_back(entry.path().filename());
    std::ranges::sort(names);
    return names;
  }
  const std::string home_ = "/dev/shm" + unique_name();

 private:
  std::vector<std::string> before_;
};

/// So many round trips that the watchdog would end a test in which each waits until somebody looks for deaths.
inline constexpr int more_than_the_watchdog_bears = 5'000;

[[nodiscard]] inline bool becomes_readable(int fd, int timeout_ms) {
  pollfd wait{.fd = fd, .events = POLLIN, .revents = 0};
  return ::poll(&wait, 1, timeout_ms) == 1;
}

}  // namespace ginnel::test
