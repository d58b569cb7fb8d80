#include <unistd.h>

#include <filesystem>
#include <regex>

#include "conformance/mechanism.hpp"
#include "support/child_process.hpp"

namespace ginnel::test {
namespace {

/// The timed waits that strace saw in the test of this mechanism's waits, run once more by itself.
std::string traced_waits(const std::string& filter) {
  // AddressSanitizer's leak check and strace exclude each other.
  const std::string calls =
      "trace=ppoll,poll,pselect6,select,epoll_wait,epoll_pwait2,futex,futex_waitv,clock_nanosleep,nanosleep,"
      "mq_timedsend,mq_timedreceive,semtimedop,rt_sigtimedwait,timerfd_settime";
  const ProgramResult traced =
      run_program({"env", "ASAN_OPTIONS=detect_leaks=0", "strace", "-f", "-qq", "-e", "signal=none", "-e", calls,
                   std::filesystem::read_symlink("/proc/self/exe").string(), "--gtest_filter=" + filter});
  EXPECT_TRUE(traced.status.success()) << traced.output;
  EXPECT_NE(traced.output.find("[  PASSED  ] 1 test"), std::string::npos) << traced.output;
  return traced.errors;
}

TEST_P(Conformance, WaitsOnTheMonotonicClockOnly) {
  if (!std::filesystem::exists("/usr/bin/strace")) GTEST_SKIP() << "needs strace";
  const std::string suite = ::testing::UnitTest::GetInstance()->current_test_info()->test_suite_name();
  std::vector<std::string> tests{"AReceiverWaitsNoShorterThanItsDeadline"};
  if (traits().fills) tests.emplace_back("AFullOneWouldBlockAndLosesNothing");
  for (const std::string& test : tests) {
    const std::string waits =
        traced_waits(std::string{suite}.append(".").append(test).append("/").append(GetParam().name));

    EXPECT_EQ(waits.find("CLOCK_REALTIME"), std::string::npos) << waits;
    // The queue calls of POSIX know the wall clock only: they may be used without a time, and no other way.
    EXPECT_FALSE(std::regex_search(waits, std::regex{R"(mq_timed(send|receive)\(.*\{tv_sec)"})) << waits;
    // Something did wait, with a time; else the trace proves nothing.
    EXPECT_TRUE(std::regex_search(waits, std::regex{R"(tv_sec=\d+, tv_nsec=[1-9])"})) << waits;
  }
}

}  // namespace
}  // namespace ginnel::test
