#include "ginnel/msg/queue.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <optional>
#include <set>
#include <thread>
#include <vector>

#include "support/blocked_in.hpp"
#include "support/child_process.hpp"
#include "support/messaging_test.hpp"
#include "support/scratch.hpp"

namespace ginnel {
namespace {

using namespace std::chrono_literals;

struct Job {
  std::uint64_t number = 0;
  std::uint32_t pusher = 0;
};
struct NewJob {
  static constexpr std::uint32_t message_version = 2;
  std::uint64_t number = 0;
};

using QueueTest = test::MessagingTest;

template <class T>
Queue<T> queue(const std::string& name, const QueueOptions& options = {}) {
  auto opened = Queue<T>::open(name, options);
  if (!opened) throw std::runtime_error{opened.error().message()};
  return std::move(*opened);
}
template <class T>
void push(Queue<T>& to, const T& message, std::uint32_t priority = 0) {
  const auto pushed = to.push(message, priority, Deadline::after(30s));
  ASSERT_TRUE(pushed.has_value()) << pushed.error().message();
  ASSERT_TRUE(pushed->template is<Done>());
}
template <class T>
std::optional<Popped<T>> pop(Queue<T>& from, Deadline deadline = Deadline::after(30s)) {
  auto got = from.pop(deadline);
  if (!got) throw std::runtime_error{got.error().message()};
  if (got->template is<TimedOut>()) return std::nullopt;
  return std::move(*got).template as<Popped<T>>();
}
/// Pops one and acknowledges it.
template <class T>
std::optional<T> finish(Queue<T>& from, Deadline deadline = Deadline::after(30s)) {
  auto got = pop(from, deadline);
  if (!got) return std::nullopt;
  const T message = **got;
  EXPECT_TRUE(got->ack());
  return message;
}
TEST_F(QueueTest, OneLineToPushAndOneToPop) {
  auto jobs = queue<Job>("jobs");
  push(jobs, {.number = 7, .pusher = 1});
  auto job = pop(jobs);
  ASSERT_TRUE(job.has_value());
  EXPECT_TRUE((*job)->number == 7 && (**job).pusher == 1);
  EXPECT_FALSE(job->redelivered());
  EXPECT_EQ(jobs.counts().held, 1U);
  EXPECT_TRUE(job->ack());
  EXPECT_FALSE(job->ack()) << "once is enough";
  EXPECT_EQ(jobs.counts().held, 0U);
  EXPECT_FALSE(finish(jobs, Deadline::immediately()).has_value());
}

TEST_F(QueueTest, MessagesOutliveTheirPusher) {
  auto child = test::fork_child([](test::Ready) {
    auto jobs = queue<int>("later");
    for (int i = 0; i < 3; ++i) push(jobs, i);
  });
  EXPECT_TRUE(child.wait().success());
  auto jobs = queue<int>("later");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(finish(jobs), i);
}

TEST_F(QueueTest, TheHighestPriorityComesFirstAndWithinOneTheOrderOfPushing) {
  auto jobs = queue<int>("ranked", {.priorities = 3});
  for (const auto& [number, priority] : {std::pair{1, 0U}, {2, 2U}, {3, 1U}, {4, 2U}, {5, 0U}})
    push(jobs, number, priority);
  for (const int expected : {2, 4, 3, 1, 5}) EXPECT_EQ(finish(jobs), expected);
  const auto refused = jobs.push(1, 3);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), EINVAL);
  EXPECT_NE(refused.error().hint().find("no priority 3: the highest is 2"), std::string::npos)
      << refused.error().hint();
}

TEST_F(QueueTest, SequencesKeepTheirBoundariesFromEmptyToTheLargest) {
  auto jobs = queue<std::byte[]>("bytes", {.slots = 4, .message_size = Bytes{1000}});
  EXPECT_EQ(jobs.largest(), 1000U);
  const auto pattern = test::test_pattern(1000);
  for (int lap = 0; lap < 10; ++lap)
    for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{64}, std::size_t{1000}}) {
      ASSERT_TRUE(jobs.push(std::span{pattern}.first(size))->is<Done>());
      auto got = pop(jobs);
      ASSERT_TRUE(got.has_value() && std::ranges::equal(**got, std::span{pattern}.first(size))) << size;
      EXPECT_TRUE(got->ack());
    }
  const auto refused = jobs.push(std::vector<std::byte>(1001));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), EMSGSIZE);
  EXPECT_NE(refused.error().hint().find("1001 bytes"), std::string::npos) << refused.error().hint();
}

TEST_F(QueueTest, ALoanIsQueuedOnlyWhenItIsPushed) {
  auto jobs = queue<Job>("loans", {.slots = 1, .priorities = 2});
  {
    auto dropped = jobs.loan();
    ASSERT_TRUE(dropped.has_value());
    dropped->as<QueueLoan<Job>>()->number = 1;
    EXPECT_TRUE(jobs.loan(Deadline::immediately())->is<TimedOut>()) << "the only slot is lent";
  }
  EXPECT_FALSE(finish(jobs, Deadline::immediately()).has_value());
  auto lent = jobs.loan();
  auto& loan = lent->as<QueueLoan<Job>>();
  loan->number = 2;
  EXPECT_EQ(std::move(loan).push(2).error().code(), EINVAL);
  EXPECT_TRUE(std::move(loan).push(1).has_value()) << "the refusal cost nothing";
  const auto job = pop(jobs);
  EXPECT_TRUE((*job)->number == 2 && job->priority() == 1);

  auto bytes = queue<std::uint16_t[]>("lent bytes", {.message_size = Bytes{100}});
  auto sequence = bytes.loan();
  auto& elements = sequence->as<QueueLoan<std::uint16_t[]>>();
  EXPECT_EQ(elements.elements().size(), 50U);
  elements.elements()[0] = 9;
  EXPECT_TRUE(std::move(elements).push(1).has_value());
  EXPECT_EQ((**pop(bytes)).size(), 1U);
}

TEST_F(QueueTest, AFullQueueWouldBlockAndGoesOnWhenAJobIsDone) {
  auto jobs = queue<int>("full", {.slots = 2});
  push(jobs, 1);
  push(jobs, 2);
  EXPECT_TRUE(jobs.push(3, 0, Deadline::immediately())->is<TimedOut>());
  EXPECT_TRUE(jobs.push(3, 0, Deadline::after(20ms))->is<TimedOut>());
  auto held = pop(jobs);
  EXPECT_TRUE(jobs.push(3, 0, Deadline::immediately())->is<TimedOut>()) << "the slot is still worked on";
  EXPECT_TRUE(held->ack());
  EXPECT_TRUE(jobs.push(3, 0, Deadline::immediately())->is<Done>());
}

TEST_F(QueueTest, WhatIsNotAcknowledgedIsDeliveredAgainInItsOldPlace) {
  auto jobs = queue<int>("again");
  for (int i = 1; i <= 3; ++i) push(jobs, i);
  {
    const auto dropped = pop(jobs);
    ASSERT_EQ(**dropped, 1);
  }
  auto again = pop(jobs);
  EXPECT_TRUE(**again == 1 && again->redelivered() && again->deliveries() == 2);
  EXPECT_TRUE(again->give_back());
  EXPECT_FALSE(again->ack()) << "it is not ours any more";
  auto third = pop(jobs);
  EXPECT_TRUE(**third == 1 && third->deliveries() == 3);
  EXPECT_TRUE(third->ack());
  for (const int expected : {2, 3}) {
    auto next = pop(jobs);
    EXPECT_TRUE(**next == expected && !next->redelivered());
    EXPECT_TRUE(next->ack());
  }
}

TEST_F(QueueTest, EachMessageGoesToOneOfMany) {
  constexpr int pushers = 3;
  constexpr int workers = 3;
  constexpr std::uint64_t each = 20'000;
  const QueueOptions options{.slots = 64, .priorities = 2};
  auto results = queue<Job>("results", options);
  std::vector<test::ChildProcess> children;
  for (std::uint32_t pusher = 0; pusher < pushers; ++pusher)
    children.push_back(test::fork_child([&](test::Ready) {
      auto jobs = queue<Job>("shared", options);
      for (std::uint64_t i = 0; i < each; ++i) push(jobs, {.number = i, .pusher = pusher}, i % 10 == 0 ? 1 : 0);
    }));
  for (int worker = 0; worker < workers; ++worker)
    children.push_back(test::fork_child([&](test::Ready) {
      auto jobs = queue<Job>("shared", options);
      auto out = queue<Job>("results", options);
      while (true) {
        const auto job = finish(jobs, Deadline::after(30s));
        if (!job || job->pusher == pushers) break;
        push(out, *job);
      }
    }));
  std::set<std::pair<std::uint32_t, std::uint64_t>> seen;
  for (std::uint64_t i = 0; i < pushers * each; ++i) {
    const auto job = finish(results);
    ASSERT_TRUE(job.has_value()) << i;
    ASSERT_TRUE(seen.emplace(job->pusher, job->number).second) << "delivered twice";
  }
  auto jobs = queue<Job>("shared", options);
  for (int worker = 0; worker < workers; ++worker) push(jobs, {.number = 0, .pusher = pushers});
  for (auto& child : children) EXPECT_TRUE(child.wait().success());
  EXPECT_EQ(jobs.counts().queued + jobs.counts().held, 0U);
}

TEST_F(QueueTest, OneWorkerGetsTheMessagesOfEachPusherInTheirOrder) {
  constexpr std::uint64_t each = 20'000;
  auto jobs = queue<Job>("ordered", {.slots = 32});
  std::vector<test::ChildProcess> children;
  for (std::uint32_t pusher = 0; pusher < 2; ++pusher)
    children.push_back(test::fork_child([&](test::Ready) {
      auto own = queue<Job>("ordered", {.slots = 32});
      for (std::uint64_t i = 0; i < each; ++i) push(own, {.number = i, .pusher = pusher});
    }));
  std::array<std::uint64_t, 2> next{};
  for (std::uint64_t i = 0; i < 2 * each; ++i) {
    const auto job = finish(jobs);
    ASSERT_TRUE(job.has_value());
    ASSERT_EQ(job->number, next.at(job->pusher)++);
  }
  for (auto& child : children) EXPECT_TRUE(child.wait().success());
}

TEST_F(QueueTest, SleepersAreWokenAndDoNotWaitForTheNextLook) {
  const QueueOptions asleep{.slots = 2, .waiting = Waiting::sleeping};
  auto answers = queue<int>("answers", asleep);
  auto questions = queue<int>("questions", asleep);
  auto child = test::fork_child([&](test::Ready) {
    auto from = queue<int>("questions", asleep);
    auto to = queue<int>("answers", asleep);
    for (int i = 0; i < test::more_than_the_watchdog_bears; ++i) push(to, finish(from).value_or(-1));
  });
  for (int i = 0; i < test::more_than_the_watchdog_bears; ++i) {
    push(questions, i);
    ASSERT_EQ(finish(answers), i);
  }
  EXPECT_TRUE(child.wait().success());
}

TEST_F(QueueTest, PushersThatWaitForRoomAreWokenAndDoNotWaitForTheNextLook) {
  const QueueOptions narrow{.slots = 1, .waiting = Waiting::sleeping};
  auto jobs = queue<int>("narrow", narrow);
  std::vector<test::ChildProcess> children;
  for (int pusher = 0; pusher < 2; ++pusher)
    children.push_back(test::fork_child([&](test::Ready) {
      auto own = queue<int>("narrow", narrow);
      for (int i = 0; i < 4 * test::more_than_the_watchdog_bears; ++i) push(own, i);
    }));
  for (int i = 0; i < 8 * test::more_than_the_watchdog_bears; ++i) ASSERT_TRUE(finish(jobs).has_value()) << i;
  for (auto& child : children) EXPECT_TRUE(child.wait().success());
}

constexpr int rounds_of_three = test::more_than_the_watchdog_bears;
/// The first sleeper is woken for the first message and keeps at work; the second message must wake the second sleeper.
TEST_F(QueueTest, EverySleeperIsWokenForItsOwnMessage) {
  const QueueOptions asleep{.waiting = Waiting::sleeping};
  auto jobs = queue<int>("many", asleep);
  std::vector<test::ChildProcess> workers;
  for (int worker = 0; worker < 3; ++worker) {
    workers.push_back(test::fork_child([&](test::Ready ready) {
      auto own = queue<int>("many", asleep);
      ready.say();
      for (int round = 0; round < rounds_of_three; ++round) {
        auto job = pop(own);
        ASSERT_TRUE(job.has_value());
        ready.say();
        ready.wait_for_release();  // at work: the others are to be woken, not this one
        EXPECT_TRUE(job->ack());
      }
    }));
    workers.back().wait_until_ready();
  }
  for (int round = 0; round < rounds_of_three; ++round) {
    for (int i = 0; i < 3; ++i) push(jobs, i);
    for (auto& worker : workers) worker.wait_until_ready();
    for (auto& worker : workers) worker.release();
  }
  for (auto& worker : workers) EXPECT_TRUE(worker.wait().success());
}

TEST_F(QueueTest, TheJobOfADeadWorkerIsDeliveredAgain) {
  auto jobs = queue<Job>("deaths", {.waiting = Waiting::sleeping});
  for (std::uint64_t i = 0; i < 4; ++i) push(jobs, {.number = i});
  auto child = test::fork_child([](test::Ready ready) {
    auto own = queue<Job>("deaths");
    const auto first = pop(own);
    const auto second = pop(own);
    ready.say();
    ready.stay();
  });
  child.wait_until_ready();
  auto third = pop(jobs);
  EXPECT_EQ((*third)->number, 2U);
  EXPECT_TRUE(third->ack());
  child.kill_and_reap(SIGKILL);
  std::vector<std::uint64_t> again;
  std::vector<std::uint64_t> first_time;
  for (int i = 0; i < 3; ++i) {
    auto job = pop(jobs);
    ASSERT_TRUE(job.has_value());
    (job->redelivered() ? again : first_time).push_back((*job)->number);
    EXPECT_TRUE(job->ack());
  }
  EXPECT_EQ(again, (std::vector<std::uint64_t>{0, 1}));
  EXPECT_EQ(first_time, std::vector<std::uint64_t>{3});
}

TEST_F(QueueTest, ASleepingWorkerTakesOverFromADeadOne) {
  auto jobs = queue<int>("inherit", {.waiting = Waiting::sleeping});
  push(jobs, 1);
  auto dies = test::fork_child([](test::Ready ready) {
    auto own = queue<int>("inherit");
    const auto job = pop(own);
    ready.say();
    ready.stay();
  });
  dies.wait_until_ready();
  auto inherits = test::fork_child([](test::Ready ready) {
    auto own = queue<int>("inherit", {.waiting = Waiting::sleeping});
    ready.say();
    auto job = pop(own);
    ASSERT_TRUE(job.has_value());
    EXPECT_TRUE(job->redelivered() && job->ack());
  });
  inherits.wait_until_ready();
  test::wait_until_blocked_in(inherits.pid(), SYS_futex);
  dies.kill_and_reap(SIGKILL);
  EXPECT_TRUE(inherits.wait().success());
}

TEST_F(QueueTest, WorkersThatNeverHaveToWaitFindTheDeadToo) {
  auto jobs = queue<std::uint64_t>("busy", {.slots = 64});
  push(jobs, std::uint64_t{0});
  auto dies = test::fork_child([](test::Ready ready) {
    auto own = queue<std::uint64_t>("busy", {.slots = 64});
    const auto job = pop(own);
    ready.say();
    ready.stay();
  });
  dies.wait_until_ready();
  dies.kill_and_reap(SIGKILL);
  for (std::uint64_t i = 1;; ++i) {
    ASSERT_LT(i, 1'000'000'000U);
    push(jobs, i);
    auto job = pop(jobs, Deadline::immediately());
    ASSERT_TRUE(job.has_value());
    const bool found = job->redelivered();
    if (found) {
      EXPECT_EQ(**job, 0U);
    }
    EXPECT_TRUE(job->ack());
    if (found) break;
  }
}

TEST_F(QueueTest, TheSlotOfADeadPusherComesFree) {
  auto jobs = queue<int>("slot", {.slots = 1, .waiting = Waiting::sleeping});
  auto child = test::fork_child([](test::Ready ready) {
    auto own = queue<int>("slot", {.slots = 1});
    const auto loan = own.loan();
    ready.say();
    ready.stay();
  });
  child.wait_until_ready();
  EXPECT_TRUE(jobs.push(1, 0, Deadline::after(100ms))->is<TimedOut>());
  child.kill_and_reap(SIGKILL);
  push(jobs, 1);
  EXPECT_EQ(finish(jobs), 1);
}

TEST_F(QueueTest, AStoppedWorkerIsNotTakenForDead) {
  auto jobs = queue<int>("stopped", {.waiting = Waiting::sleeping});
  push(jobs, 1);
  auto child = test::fork_child([](test::Ready ready) {
    auto own = queue<int>("stopped");
    auto job = pop(own);
    ready.say();
    ready.wait_for_release();
    EXPECT_TRUE(job->ack());
  });
  child.wait_until_ready();
  child.stop();
  EXPECT_FALSE(finish(jobs, Deadline::after(300ms)).has_value());
  child.resume();
  child.release();
  EXPECT_TRUE(child.wait().success());
  EXPECT_FALSE(finish(jobs, Deadline::after(100ms)).has_value());
}

TEST_F(QueueTest, AChildOfForkIsRefusedAndDoesNoHarm) {
  auto jobs = queue<int>("forked");
  push(jobs, 1);
  push(jobs, 2);
  auto job = pop(jobs);
  auto child = test::fork_child([&](test::Ready) {
    EXPECT_EQ(jobs.push(3).error().code(), ECHILD);
    EXPECT_EQ(jobs.pop(Deadline::immediately()).error().code(), ECHILD);
    EXPECT_EQ(jobs.pollable().error().code(), ECHILD);
    EXPECT_FALSE(job->ack());
    auto own = std::move(jobs);
  });
  EXPECT_TRUE(child.wait().success());
  EXPECT_TRUE(job->ack());
  EXPECT_EQ(finish(jobs), 2);
}

TEST_F(QueueTest, TheDeathOfAWorkerIsNotedThoughItsChildLivesOn) {
  auto jobs = queue<int>("orphan", {.waiting = Waiting::sleeping});
  push(jobs, 1);
  auto parent = test::fork_child([](test::Ready ready) {
    auto own = queue<int>("orphan");
    const auto job = pop(own);
    ready.stay_with_a_child();
  });
  const pid_t grandchild = std::stoi(parent.next_line());
  parent.kill_and_reap(SIGKILL);
  EXPECT_EQ(finish(jobs), 1);
  ::kill(grandchild, SIGKILL);
}

TEST_F(QueueTest, WhatAHandleHoldsGoesBackWithIt) {
  auto jobs = queue<int>("left");
  push(jobs, 1);
  auto child = test::fork_child([](test::Ready) {
    auto own = queue<int>("left");
    const auto job = new Popped<int>{std::move(*pop(own))};  // NOLINT: it is never ended, as in a program that leaks it
    static_cast<void>(job);
  });
  EXPECT_TRUE(child.wait().success());
  const auto job = pop(jobs);
  EXPECT_TRUE(job->redelivered());
}

TEST_F(QueueTest, ThreadsShareAHandle) {
  constexpr std::uint64_t each = 20'000;
  auto jobs = queue<std::uint64_t>("threads", {.slots = 16});
  std::atomic<std::uint64_t> sum = 0;
  std::vector<std::jthread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&] {
      for (std::uint64_t n = 1; n <= each; ++n) push(jobs, n);
    });
    threads.emplace_back([&] {
      for (std::uint64_t n = 1; n <= each; ++n) sum += finish(jobs).value_or(0);
    });
  }
  threads.clear();
  EXPECT_EQ(sum, each * (each + 1));
}

TEST_F(QueueTest, NoMoreParticipantsThanThereArePlaces) {
  const QueueOptions few{.participants = 3};
  {
    std::vector<Queue<int>> open;
    for (int i = 0; i < 3; ++i) open.push_back(queue<int>("few", few));
    const auto refused = Queue<int>::open("few", few);
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code(), EUSERS);
    EXPECT_NE(refused.error().hint().find("all its 3 participants"), std::string::npos);
  }
  for (int i = 0; i < 1000; ++i) static_cast<void>(queue<int>("few", few));
}

TEST_F(QueueTest, AnotherShapeIsRefusedAndBothAreShown) {
  auto jobs = queue<int>("shape", {.slots = 10});
  const auto refused = Queue<int>::open("shape", {.slots = 20});
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), EEXIST);
  EXPECT_NE(refused.error().hint().find("it has 10 slots"), std::string::npos) << refused.error().hint();
  EXPECT_NE(refused.error().hint().find("not 20 slots"), std::string::npos);
  EXPECT_TRUE(Queue<int>::attach("shape").has_value());
  EXPECT_EQ(Queue<int>::create("shape", {.slots = 10}).error().code(), EEXIST);
  EXPECT_TRUE(Queue<int>::create("another").has_value());
  for (const QueueOptions& bad : {QueueOptions{.slots = 0}, {.priorities = 65}, {.participants = 256}}) {
    const auto impossible = Queue<int>::open("bad", bad);
    ASSERT_FALSE(impossible.has_value());
    EXPECT_EQ(impossible.error().code(), EINVAL);
  }
}

TEST_F(QueueTest, AnotherTypeIsRefusedAndBothAreShown) {
  auto jobs = queue<Job>("typed");
  const auto refused = Queue<NewJob>::attach("typed");
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), EPROTOTYPE);
  EXPECT_NE(refused.error().hint().find("Job (16 bytes)"), std::string::npos) << refused.error().hint();
  push(jobs, {.number = 5});
  auto any = Queue<AnyBytes>::attach("typed");
  ASSERT_TRUE(any.has_value());
  const auto bytes = pop(*any);
  EXPECT_EQ((**bytes).size(), sizeof(Job));
}

TEST_F(QueueTest, WhatIsNotThereIsNotMadeByAttaching) {
  const auto absent = Queue<int>::attach("absent");
  ASSERT_FALSE(absent.has_value());
  EXPECT_EQ(absent.error().code(), ENOENT);
  EXPECT_FALSE(std::filesystem::exists(home_ + "/queue:absent"));
}

TEST_F(QueueTest, ADamagedOrForeignFileIsRefusedByName) {
  const std::string file = home_ + "/queue:bad/queue";
  const auto refusal_with = [&](const std::string& content) {
    std::filesystem::create_directory(home_ + "/queue:bad");
    std::filesystem::permissions(home_ + "/queue:bad", std::filesystem::perms::owner_all);
    std::filesystem::remove(file);
    const int fd = ::open(file.c_str(), O_CREAT | O_WRONLY, 0600);
    EXPECT_EQ(::write(fd, content.data(), content.size()), static_cast<ssize_t>(content.size()));
    ::close(fd);
    const auto refused = Queue<AnyBytes>::attach("bad");
    if (!refused) {
      EXPECT_EQ(refused.error().code(), EBADMSG);
    }
    return refused ? std::string{"accepted"} : refused.error().message();
  };
  EXPECT_NE(refusal_with("short").find("it is too short"), std::string::npos);
  EXPECT_NE(refusal_with(std::string(70000, 'x')).find("no such file of ginnel's"), std::string::npos);
  std::string content(70000, '\0');
  std::memcpy(content.data(), "GINQUEU1\x09", 9);
  EXPECT_NE(refusal_with(content).find("version 9"), std::string::npos);
  const std::array<std::uint32_t, 6> start{1, 4096, 0, 1, 4, 1};
  std::memcpy(content.data() + 8, start.data(), sizeof start);
  EXPECT_NE(refusal_with(content).find("no possible one"), std::string::npos);
  const std::array<std::uint32_t, 4> shape{1U << 19U, 1, 4096, 8};
  std::memcpy(content.data() + 16, shape.data(), sizeof shape);
  EXPECT_NE(refusal_with(content).find("shorter than it says"), std::string::npos);
  EXPECT_TRUE(remove_queue("bad")->is<Done>()) << "a damaged one can be removed";
}

TEST_F(QueueTest, WhatDoesNotFitInMemoryIsRefusedAndLeavesNothing) {
  const auto refused =
      Queue<std::byte[]>::open("huge", {.slots = detail::QueueShape::most_slots, .message_size = Bytes::gib(1)});
  ASSERT_FALSE(refused.has_value());
  EXPECT_TRUE(refused.error().code() == ENOSPC || refused.error().code() == EFBIG) << refused.error().message();
  EXPECT_TRUE(remove_queue("huge")->is<NotFound>());
}

TEST_F(QueueTest, AQueueIsRemovedWhenNobodyUsesIt) {
  EXPECT_TRUE(remove_queue("gone")->is<NotFound>());
  {
    auto jobs = queue<int>("gone");
    push(jobs, 1);
    const auto refused = remove_queue("gone");
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code(), EBUSY);
    EXPECT_NE(refused.error().hint().find("1 participant uses it"), std::string::npos);
  }
  EXPECT_TRUE(remove_queue("gone")->is<Done>());
  EXPECT_FALSE(std::filesystem::exists(home_ + "/queue:gone"));
  auto anew = queue<int>("gone", {.slots = 3});
  EXPECT_FALSE(finish(anew, Deadline::immediately()).has_value());
}

TEST_F(QueueTest, RemovalAndOpeningAtOnceLeaveNobodyAlone) {
  auto remover = test::fork_child([](test::Ready ready) {
    ready.say();
    while (!remove_queue("stop")->is<Done>()) static_cast<void>(remove_queue("race"));
  });
  remover.wait_until_ready();
  const QueueOptions options{.slots = 4, .participants = 4};
  for (int i = 0; i < 2000; ++i) {
    auto one = queue<int>("race", options);
    push(one, i);
    auto other = queue<int>("race", options);
    ASSERT_EQ(finish(other, Deadline::immediately()), i) << "two queues of one name";
  }
  static_cast<void>(queue<int>("stop"));
  EXPECT_TRUE(remover.wait().success());
}

TEST_F(QueueTest, ThePollableDescriptorTellsOfMessagesAndDeaths) {
  auto jobs = queue<int>("polled");
  const auto fd = jobs.pollable();
  ASSERT_TRUE(fd.has_value());
  const auto next = [&]() -> std::optional<int> {
    for (int looks = 0; looks < 100; ++looks) {
      if (const auto got = finish(jobs, Deadline::immediately())) return got;
      if (!test::becomes_readable(*fd, 30'000)) return std::nullopt;
    }
    return std::nullopt;
  };
  const auto drain = [&] {
    while (finish(jobs, Deadline::immediately())) {
    }
  };
  drain();
  EXPECT_FALSE(test::becomes_readable(*fd, 0));
  auto child = test::fork_child([](test::Ready ready) {
    auto own = queue<int>("polled");
    push(own, 1);
    push(own, 2);
    ready.say();
    ready.wait_for_release();
    push(own, 3);
    const auto job = pop(own);
    ready.say(std::to_string(**job));
    ready.stay();
  });
  child.wait_until_ready();
  EXPECT_EQ(next(), 1);
  EXPECT_EQ(next(), 2);
  drain();
  child.release();
  EXPECT_EQ(child.next_line(), "3");
  drain();
  child.kill_and_reap(SIGKILL);
  EXPECT_EQ(next(), 3) << "the worker has died";
}

}  // namespace
}  // namespace ginnel
