#include "scheduler_clocks.hpp"

#include <gtest/gtest.h>

#include <string>
#include <thread>

#include "ginnel/sys/child.hpp"
#include "ginnel/sys/directory.hpp"
#include "ginnel/sys/processors.hpp"
#include "proc_text.hpp"

namespace ginnel::inventory {
namespace {

/// When the calling thread ran last, by its own account.
std::optional<double> last_ran() {
  std::this_thread::yield();
  std::string text;
  const auto self = Directory::open("/proc/thread-self");
  return self && self->read_file("sched", text) ? parse_last_ran(text) : std::nullopt;
}

// On virtual machines the clocks drift apart by seconds: what one of them shows says nothing of the others.
TEST(SchedulerClocks, EachShowsWhatThoseWhoRunOnItsProcessorAreTold) {
  if (!last_ran()) GTEST_SKIP() << "the kernel has no CONFIG_SCHED_DEBUG";
  const auto allowed = allowed_processors();
  ASSERT_TRUE(allowed) << allowed.error().message();
  SchedulerClocks clocks;
  constexpr double a_second = 1000;
  int told = 0;
  for (const Processor& processor : *allowed) {
    if (!clocks.now_on(processor.number)) continue;  // not reached in time
    ++told;
    auto child = start_child([&] {
      if (!pin_to_processor(processor.number)) return 1;
      const double before = *clocks.now_on(processor.number);
      const double ran = last_ran().value_or(0);
      const double after = *clocks.now_on(processor.number);
      return before - a_second <= ran && ran <= after + a_second ? 0 : 2;
    });
    ASSERT_TRUE(child) << child.error().message();
    const auto ended = child->collect();
    ASSERT_TRUE(ended);
    EXPECT_EQ(ended->as<ExitStatus>().to_string(), "exit 0") << "processor " << processor.number;
  }
  EXPECT_GT(told, 0);
  EXPECT_FALSE(clocks.now_on(-1).has_value());
}

}  // namespace
}  // namespace ginnel::inventory
