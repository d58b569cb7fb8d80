#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <limits>

#include "ginnel/core/bytes.hpp"
#include "ginnel/core/deadline.hpp"
#include "ginnel/core/error.hpp"
#include "ginnel/core/outcome.hpp"
#include "ginnel/core/unique_fd.hpp"
#include "support/scratch.hpp"

namespace ginnel {
namespace {

using namespace std::chrono_literals;

TEST(Bytes, AreReadWithTheUnitsOfUtilLinux) {
  for (const auto& [text, count] : std::vector<std::pair<std::string, std::uint64_t>>{{"0", 0},
                                                                                      {"4096", 4096},
                                                                                      {"64K", 65536},
                                                                                      {"64k", 65536},
                                                                                      {"1M", 1U << 20U},
                                                                                      {"1MiB", 1U << 20U},
                                                                                      {"2G", 1ULL << 31U},
                                                                                      {"1T", 1ULL << 40U},
                                                                                      {"7B", 7}}) {
    auto bytes = Bytes::parse(text);
    ASSERT_TRUE(bytes) << text;
    EXPECT_EQ(bytes->count(), count) << text;
  }
}

TEST(Bytes, WhatIsNoSizeIsRefusedWithTheForm) {
  for (const std::string text : {"", "x", "-1", "1.5M", "1MB", "1 M", "K", "1KK", "0x10", "1Mi", "+1"}) {
    auto bytes = Bytes::parse(text);
    ASSERT_FALSE(bytes) << text;
    EXPECT_EQ(bytes.error().code(), EINVAL);
    EXPECT_NE(bytes.error().message().find("4096, 64K, 1M"), std::string::npos);
  }
}

TEST(Bytes, WhatNoObjectCanHoldIsOutOfRangeAndNeverWraps) {
  for (const std::string text : {"9223372036854775808", "18446744073709551616", "8388608T", "99999999999999999999K"})
    EXPECT_EQ(Bytes::parse(text).error().code(), ERANGE) << text;
  EXPECT_EQ(Bytes::parse("9223372036854775807")->count(), std::numeric_limits<std::int64_t>::max());
}

TEST(Bytes, TheirShortestExactFormIsReadBack) {
  EXPECT_EQ(Bytes::mib(1).to_string(), "1M");
  EXPECT_EQ(Bytes{4097}.to_string(), "4097");
  EXPECT_EQ(Bytes{0}.to_string(), "0");
  for (const std::uint64_t count : {1ULL, 1023ULL, 1024ULL, 65536ULL, 5ULL << 40U, (1ULL << 62U) + 1024})
    EXPECT_EQ(Bytes::parse(Bytes{count}.to_string())->count(), count);
}

TEST(Deadline, NeverAndImmediatelyAreWhatTheySay) {
  EXPECT_TRUE(Deadline::never().is_never());
  EXPECT_FALSE(Deadline::never().passed());
  EXPECT_EQ(Deadline::never().remaining(), Deadline::Clock::duration::max());
  EXPECT_TRUE(Deadline::immediately().passed());
  EXPECT_EQ(Deadline::immediately().remaining(), 0ns);
}

TEST(Deadline, OneTooFarToCountIsNeverAndOneInThePastHasPassed) {
  EXPECT_TRUE(Deadline::after(Deadline::Clock::duration::max()).is_never());
  EXPECT_TRUE(Deadline::after(-1h).passed());
  EXPECT_TRUE(Deadline::after(0s).passed());
  EXPECT_FALSE(Deadline::after(1h).passed());
  EXPECT_GT(Deadline::after(1h).remaining(), 59min);
}

TEST(Deadline, TheSoonerOfTwo) {
  const Deadline soon = Deadline::after(1s);
  EXPECT_EQ(soon.sooner(Deadline::never()).moment(), soon.moment());
  EXPECT_EQ(Deadline::never().sooner(soon).moment(), soon.moment());
  EXPECT_TRUE(soon.sooner(Deadline::immediately()).is_immediate());
}

TEST(ErrorMessage, NamesOperationObjectErrnoAndRemedyInOneLine) {
  EXPECT_EQ(Error(ENOENT, "open", "/x").message(), "open /x: ENOENT: No such file or directory");
  EXPECT_EQ(Error(EMFILE, "mq_open", "/jobs", "raise it").message(), "mq_open /jobs: EMFILE: raise it");
  EXPECT_EQ(Error(EIO, "read").with_object("fd 3").with_hint("try again").message(), "read fd 3: EIO: try again");
  EXPECT_EQ(Error(4095, "read").message(), "read: errno 4095: unknown error");
  EXPECT_EQ(Error(EIO, "read", "a\nb\x1b[2J\x7f", "try again").message(), "read a?b?[2J?: EIO: try again");
}

TEST(ErrorMessage, WantOfDescriptorsIsToldWithItsLimitAndRemedyWhereverItIsMet) {
  const std::string limit = std::to_string(::sysconf(_SC_OPEN_MAX));
  EXPECT_EQ(Error(EMFILE, "pipe2").message(),
            "pipe2: EMFILE: this process has as many descriptors as it may, RLIMIT_NOFILE " + limit +
                ": close some, or allow it more with ulimit -n");
  EXPECT_NE(Error(ENFILE, "eventfd").message().find("fs.file-max"), std::string::npos);
}

TEST(ErrorMessage, WantOfSomethingNamesTheLimitAndTheRemedyWithoutAHint) {
  const std::string descriptors = Error(EMFILE, "open", "/x").message();
  EXPECT_NE(descriptors.find("RLIMIT_NOFILE"), std::string::npos) << descriptors;
  EXPECT_NE(descriptors.find("ulimit -n"), std::string::npos) << descriptors;
  for (const int code : {ENFILE, ENOMEM, ENOSPC, EDQUOT, EFBIG}) {
    const std::string told = Error(code, "open", "/x").message();
    EXPECT_EQ(told.find(std::strerror(code)), std::string::npos) << told;
    EXPECT_EQ(Error(code, "open", "/x", "make room").message(), "open /x: " + errno_name(code) + ": make room");
  }
}

TEST(ErrorMessage, LastTakesErrnoBeforeAnythingCanChangeIt) {
  errno = EXDEV;
  EXPECT_EQ(Error::last("rename", "a").code(), EXDEV);
}

TEST(OutcomeValue, HoldsExactlyOneAlternative) {
  Outcome<int, TimedOut> value = 7;
  EXPECT_TRUE(value.is<int>());
  EXPECT_FALSE(value.is<TimedOut>());
  EXPECT_EQ(value.as<int>(), 7);
  EXPECT_EQ(value.get_if<TimedOut>(), nullptr);
  value = TimedOut{};
  EXPECT_TRUE(value.is<TimedOut>());
  EXPECT_THROW((void)value.as<int>(), std::bad_variant_access);
}

TEST(UniqueFdOwnership, ClosesOnceAndKeepsErrno) {
  const auto before = test::open_descriptors();
  {
    UniqueFd fd{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
    ASSERT_TRUE(fd.valid());
    UniqueFd moved = std::move(fd);
    EXPECT_FALSE(fd.valid());  // NOLINT(bugprone-use-after-move): that it is empty now is the promise
    errno = EXDEV;
    moved.reset();
    EXPECT_EQ(errno, EXDEV);
    moved.reset();
  }
  EXPECT_EQ(test::open_descriptors(), before);
}

TEST(UniqueFdOwnershipDeathTest, AForeignCloseOfAnOwnedDescriptorAborts) {
  EXPECT_DEATH(
      {
        UniqueFd fd{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
        ::close(fd.get());
        fd.reset();
      },
      "");
}

}  // namespace
}  // namespace ginnel
