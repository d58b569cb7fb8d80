#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

#include "ginnel/msg/channel.hpp"
#include "ginnel/msg/latest.hpp"
#include "ginnel/msg/queue.hpp"
#include "ginnel/msg/service.hpp"
#include "ginnel/msg/topic.hpp"
#include "support/blocked_in.hpp"
#include "support/child_process.hpp"
#include "support/messaging_test.hpp"

// What each wait of each kind of messaging promises, whichever way it waits: it ends when the one that is waited for dies, it does not
// end while that one is only stopped, and it costs no processor.

namespace ginnel {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

/// Two processes, and what the one waits for from the other.
struct Kind {
  std::string name;
  std::function<void(test::Ready)> victim;  ///< has begun, says so, and stays
  /// Prepares, and gives what waits until the deadline, and is true when it was told of the victim's death.
  std::function<std::function<bool(Deadline)>(Waiting)> waiter;
};

template <class T>
std::shared_ptr<T> shared(Result<T> made) {
  if (!made) throw std::runtime_error{made.error().message()};
  return std::make_shared<T>(std::move(*made));
}

std::string socket_path() { return std::string{std::getenv("GINNEL_HOME")} + "/socket"; }

const std::vector<Kind> kinds{
    {"topic",
     [](test::Ready ready) {
       const auto out = shared(Publisher<int>::create("one"));
       ready.say();
       ready.stay();
     },
     [](Waiting waiting) -> std::function<bool(Deadline)> {
       const auto in = shared(Subscriber<int>::open("one", {.waiting = waiting}));
       return [in](Deadline deadline) {
         const auto got = in->receive(deadline);
         return got && got->is<WriterGone>() && got->as<WriterGone>().died;
       };
     }},
    {"latest",
     [](test::Ready ready) {
       const auto out = shared(LatestWriter<int>::create("one"));
       ready.say();
       ready.stay();
     },
     [](Waiting waiting) -> std::function<bool(Deadline)> {
       const auto in = shared(LatestReader<int>::open("one", {.waiting = waiting}));
       return [in](Deadline deadline) {
         const auto got = in->wait_for_newer(deadline);
         return got && got->is<WriterGone>() && got->as<WriterGone>().died;
       };
     }},
    {"queue",
     [](test::Ready ready) {
       const auto jobs = shared(Queue<int>::open("one"));
       static_cast<void>(jobs->push(7));
       const auto job = jobs->pop();
       ready.say();
       ready.stay();
     },
     [](Waiting waiting) -> std::function<bool(Deadline)> {
       const auto jobs = shared(Queue<int>::open("one", {.waiting = waiting}));
       return [jobs](Deadline deadline) {
         auto job = jobs->pop(deadline);
         return job && job->is<Popped<int>>() && job->as<Popped<int>>().redelivered() && job->as<Popped<int>>().ack();
       };
     }},
    {"channel",
     [](test::Ready ready) {
       const auto door = shared(ChannelListener<int>::listen(socket_path()));
       ready.say();
       const auto peer = door->accept();
       ready.stay();
     },
     [](Waiting waiting) -> std::function<bool(Deadline)> {
       const auto end = shared(Channel<int>::connect(socket_path(), {.waiting = waiting}));
       return [end](Deadline deadline) {
         const auto got = end->receive(deadline);
         return got && got->is<PeerGone>();
       };
     }},
    {"service",
     [](test::Ready ready) {
       const auto service = shared(Service<int, int>::listen(socket_path()));
       ready.say();
       const auto request = service->next();
       ready.stay();
     },
     [](Waiting waiting) -> std::function<bool(Deadline)> {
       const auto client = shared(Client<int, int>::connect(socket_path(), {.waiting = waiting}));
       return [client](Deadline deadline) {
         const auto got = client->call(1, deadline);
         return got && (got->is<MaybeExecuted>() || got->is<NotStarted>());
       };
     }},
};

class WaitTest : public test::MessagingTest, public ::testing::WithParamInterface<std::tuple<std::size_t, Waiting>> {
 protected:
  [[nodiscard]] static const Kind& kind() { return kinds.at(std::get<0>(GetParam())); }
  [[nodiscard]] static Waiting waiting() { return std::get<1>(GetParam()); }
  /// Until the waiter waits, as far as that can be seen.
  static void wait_until_it_waits(test::ChildProcess& waiter) {
    waiter.wait_until_ready();
    if (waiting() != Waiting::polling) test::wait_until_blocked_in(waiter.pid(), SYS_futex);
  }
};

TEST_P(WaitTest, EndsWhenTheOtherDies) {
  Clock::duration longest{};
  for (int round = 0; round < 3; ++round) {
    auto victim = test::fork_child(kind().victim);
    victim.wait_until_ready();
    auto waiter = test::fork_child([&](test::Ready ready) {
      const auto wait = kind().waiter(waiting());
      ready.say();
      EXPECT_TRUE(wait(Deadline::never()));
      ready.say(std::to_string(Clock::now().time_since_epoch().count()));
    });
    wait_until_it_waits(waiter);
    const auto killed = Clock::now();
    victim.kill_and_reap(SIGKILL);
    const std::string told = waiter.next_line();
    EXPECT_TRUE(waiter.wait().success());
    ASSERT_FALSE(told.empty());
    longest = std::max(longest, Clock::duration{std::stoll(told)} - killed.time_since_epoch());
    std::filesystem::remove(socket_path());
  }
  RecordProperty("told_after_ms", static_cast<int>(longest / 1ms));
}

/// Six times as long as a look for the dead takes to come.
TEST_P(WaitTest, DoesNotTakeOneThatIsStoppedForDead) {
  auto victim = test::fork_child(kind().victim);
  victim.wait_until_ready();
  auto waiter = test::fork_child([&](test::Ready ready) {
    const auto wait = kind().waiter(waiting());
    ready.say();
    ready.wait_for_release();
    EXPECT_FALSE(wait(Deadline::after(300ms)));
    ready.say("still waits");
    EXPECT_TRUE(kind().name == "service" || wait(Deadline::never()));
  });
  waiter.wait_until_ready();
  victim.stop();
  waiter.release();
  EXPECT_EQ(waiter.next_line(), "still waits");
  victim.kill_and_reap(SIGKILL);
  EXPECT_TRUE(waiter.wait().success());
}

TEST_P(WaitTest, CostsNoProcessor) {
  if (waiting() == Waiting::polling) GTEST_SKIP() << "that is what polling is for";
  auto other = test::fork_child(kind().victim);
  other.wait_until_ready();
  auto waiter = test::fork_child([&](test::Ready) {
    const auto wait = kind().waiter(waiting());
    const auto used = [] {
      rusage usage{};
      ::getrusage(RUSAGE_SELF, &usage);
      return std::chrono::seconds{usage.ru_utime.tv_sec + usage.ru_stime.tv_sec} +
             std::chrono::microseconds{usage.ru_utime.tv_usec + usage.ru_stime.tv_usec};
    };
    const auto before = used();
    EXPECT_FALSE(wait(Deadline::after(300ms)));
    EXPECT_LT((used() - before) / 1ms, 30) << "of 300 ms";
  });
  EXPECT_TRUE(waiter.wait().success());
}

INSTANTIATE_TEST_SUITE_P(OfEachKind, WaitTest,
                         ::testing::Combine(::testing::Range(std::size_t{0}, kinds.size()),
                                            ::testing::Values(Waiting::adaptive, Waiting::polling, Waiting::sleeping)),
                         [](const auto& tested) {
                           const Waiting waiting = std::get<1>(tested.param);
                           const char* const how = waiting == Waiting::adaptive  ? "adaptive"
                                                   : waiting == Waiting::polling ? "polling"
                                                                                 : "sleeping";
                           return kinds.at(std::get<0>(tested.param)).name + "_" + how;
                         });

}  // namespace
}  // namespace ginnel
