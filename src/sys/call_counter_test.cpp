#include "ginnel/sys/call_counter.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>

#include "ginnel/sys/child.hpp"
#include "ginnel/sys/mapping.hpp"
#include "ginnel/sys/resource_use.hpp"

namespace ginnel {
namespace {

using namespace std::chrono_literals;

/// Counts that the children read while the parent writes them.
class Counts {
 public:
  [[nodiscard]] std::atomic<std::uint64_t>& operator[](std::size_t place) {
    return reinterpret_cast<std::atomic<std::uint64_t>*>(memory_->bytes().data())[place];
  }

 private:
  Result<ReadWriteMapping> memory_ = ReadWriteMapping::anonymous(Bytes{4096});
};

std::vector<Process> started(std::initializer_list<std::function<int()>> bodies) {
  std::vector<Process> children;
  for (const auto& body : bodies) children.push_back(std::move(*start_child(body)));
  return children;
}

TEST(CallCounter, CountsEachEntryBeforeTheCallReturns) {
  Counts counts;
  auto children = started({[&] {
                             // Until the tracer is there.
                             while (counts[0].load() == 0) enter_kernel();
                             const auto before = counts[0].load();
                             for (int i = 0; i < 100; ++i) enter_kernel();
                             return counts[0].load() - before == 100 ? 0 : 1;
                           },
                           [&] {
                             while (counts[1].load() == 0) enter_kernel();
                             const auto before = counts[1].load();
                             return counts[1].load() == before ? 0 : 1;
                           }});
  auto counted = count_calls(children, [&](std::size_t place) { ++counts[place]; }, Deadline::after(60s));
  ASSERT_TRUE(counted) << counted.error().message();
  ASSERT_TRUE(counted->is<std::vector<ExitStatus>>());
  for (const ExitStatus& status : counted->as<std::vector<ExitStatus>>()) EXPECT_EQ(status.to_string(), "exit 0");
}

TEST(CallCounter, TellsWhoWasKilledAndDeliversSignals) {
  auto children = started({[] {
    ::raise(SIGTERM);
    return 0;
  }});
  auto counted = count_calls(children, [](std::size_t) {}, Deadline::after(60s));
  ASSERT_TRUE(counted) << counted.error().message();
  EXPECT_EQ(counted->as<std::vector<ExitStatus>>().at(0).to_string(), "killed by SIGTERM");
}

TEST(CallCounter, AtItsDeadlineAllAreKilledAndCollected) {
  auto children = started({[] {
    while (true) ::pause();
    return 0;
  }});
  auto counted = count_calls(children, [](std::size_t) {}, Deadline::after(20ms));
  ASSERT_TRUE(counted) << counted.error().message();
  EXPECT_TRUE(counted->is<TimedOut>());
  EXPECT_FALSE(children[0].alive());
  EXPECT_EQ(children[0].collect().error().code(), ECHILD);
}

TEST(CallCounter, TellsHowOneEndedThatWasQuicker) {
  auto children = started({[] { return 3; }});
  siginfo_t told{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(children[0].pid()), &told, WEXITED | WNOWAIT), 0);
  auto counted = count_calls(children, [](std::size_t) {}, Deadline::after(60s));
  ASSERT_TRUE(counted) << counted.error().message();
  EXPECT_EQ(counted->as<std::vector<ExitStatus>>().at(0).to_string(), "exit 3");
}

TEST(CallCounter, WhoHasEndedAndIsCollectedIsRefused) {
  std::array gone{std::move(*start_child([] { return 0; }))};
  ASSERT_TRUE(gone[0].collect());
  auto counted = count_calls(gone, [](std::size_t) {}, Deadline::after(60s));
  ASSERT_FALSE(counted);
  EXPECT_EQ(counted.error().code(), ESRCH);
}

}  // namespace
}  // namespace ginnel
