#include "ginnel/sys/signal.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "ginnel/sys/io.hpp"
#include "support/child_process.hpp"
#include "support/scratch.hpp"
#include "support/signal_storm.hpp"

namespace ginnel {
namespace {

using namespace std::chrono_literals;

std::vector<int> blocked_signals() {
  sigset_t mask{};
  ::pthread_sigmask(SIG_BLOCK, nullptr, &mask);
  std::vector<int> blocked;
  for (int number = 1; number <= SIGRTMAX; ++number)
    if (::sigismember(&mask, number) == 1) blocked.push_back(number);
  return blocked;
}

SignalReceiver receive(std::initializer_list<int> signals) {
  auto receiver = SignalReceiver::create(signals);
  EXPECT_TRUE(receiver) << receiver.error().message();
  return std::move(*receiver);
}

ReceivedSignal next(SignalReceiver& receiver) {
  auto got = receiver.receive();
  EXPECT_TRUE(got) << got.error().message();
  return got->as<ReceivedSignal>();
}

bool nothing_left(SignalReceiver& receiver) { return receiver.receive(Deadline::immediately())->is<TimedOut>(); }

/// Sends signals to the process that made it, which must be the parent.
test::ChildProcess sender(std::function<void(const Process&)> send) {
  const pid_t parent = ::getpid();
  return test::fork_child([parent, send = std::move(send)](test::Ready) {
    auto process = Process::open(parent);
    ASSERT_TRUE(process) << process.error().message();
    send(*process);
  });
}

void send_or_fail(const Process& process, int number, int value = 0) {
  auto sent = send_signal(process, number, value);
  ASSERT_TRUE(sent) << sent.error().message();
  ASSERT_TRUE(sent->is<Done>());
}

TEST(Signal, AHundredRealTimeSignalsArriveAsAHundredInOrderWithTheirValues) {
  SignalReceiver receiver = receive({SIGRTMIN + 1});
  auto child = sender([](const Process& parent) {
    for (int value = 0; value < 100; ++value) send_or_fail(parent, SIGRTMIN + 1, value - 50);
  });
  ASSERT_TRUE(child.wait().success());  // all are pending at once
  for (int value = 0; value < 100; ++value) {
    const ReceivedSignal got = next(receiver);
    EXPECT_EQ(got.number, SIGRTMIN + 1);
    EXPECT_EQ(got.value, value - 50);
    EXPECT_EQ(got.claimed_pid, child.pid());
    EXPECT_EQ(got.claimed_uid, ::getuid());
    EXPECT_EQ(got.code, SI_QUEUE);
  }
  EXPECT_TRUE(nothing_left(receiver));
}

TEST(Signal, AHundredStandardSignalsThatNobodyTookMergeIntoOneWithTheFirstValue) {
  SignalReceiver receiver = receive({SIGUSR1});
  auto child = sender([](const Process& parent) {
    for (int value = 1; value <= 100; ++value) send_or_fail(parent, SIGUSR1, value);
  });
  ASSERT_TRUE(child.wait().success());
  EXPECT_EQ(next(receiver).value, 1);
  EXPECT_TRUE(nothing_left(receiver));
}

TEST(Signal, LowerNumbersComeFirst) {
  SignalReceiver receiver = receive({SIGRTMIN + 3, SIGRTMIN + 2, SIGUSR2});
  auto self = Process::self();
  ASSERT_TRUE(self);
  for (const int number : {SIGRTMIN + 3, SIGRTMIN + 2, SIGUSR2}) send_or_fail(*self, number);
  for (const int number : {SIGUSR2, SIGRTMIN + 2, SIGRTMIN + 3}) EXPECT_EQ(next(receiver).number, number);
}

TEST(Signal, NoneIsLostOrDoubledThroughAStormOfInterruptions) {
  SignalReceiver receiver = receive({SIGRTMIN + 4});
  const test::SignalStorm storm;
  const long before = test::SignalStorm::handled();
  auto child = sender([](const Process& parent) {
    for (int value = 0; value < 5000; ++value) send_or_fail(parent, SIGRTMIN + 4, value);
  });
  for (int value = 0; value < 5000; ++value) ASSERT_EQ(next(receiver).value, value);
  EXPECT_TRUE(child.wait().success());
  EXPECT_TRUE(nothing_left(receiver));
  EXPECT_GT(test::SignalStorm::handled(), before);
}

TEST(Signal, AWaitEndsAtItsDeadlineThoughInterrupted) {
  SignalReceiver receiver = receive({SIGUSR1});
  const test::SignalStorm storm;
  const auto start = Deadline::Clock::now();
  auto nothing = receiver.receive(Deadline::after(30ms));
  ASSERT_TRUE(nothing) << nothing.error().message();
  EXPECT_TRUE(nothing->is<TimedOut>());
  EXPECT_GE(Deadline::Clock::now() - start, 30ms);
}

TEST(Signal, AFullQueueIsToldAndARetryGoesThroughLater) {
  GINNEL_REQUIRE_ROOT();
  // A user of its own: the queue is counted per user, over all its processes.
  const auto lonely_uid = static_cast<uid_t>(50'000 + ::getpid() % 10'000);
  auto child = test::fork_child_as(lonely_uid, [](test::Ready) {
    const rlimit limit{.rlim_cur = 10, .rlim_max = 10};
    ASSERT_EQ(::setrlimit(RLIMIT_SIGPENDING, &limit), 0);
    SignalReceiver receiver = receive({SIGRTMIN, SIGUSR1});
    auto self = Process::self();
    ASSERT_TRUE(self);
    EXPECT_EQ(signal_queue_use()->limit, 10U);
    EXPECT_EQ(signal_queue_use()->queued, 0U);

    int queued = 0;
    auto sent = send_signal(*self, SIGRTMIN, queued);
    for (; sent && sent->is<Done>() && queued < 100; sent = send_signal(*self, SIGRTMIN, queued)) ++queued;
    ASSERT_TRUE(sent) << sent.error().message();
    EXPECT_TRUE(sent->is<QueueFull>());
    EXPECT_GE(queued, 9);
    EXPECT_LE(queued, 10);
    EXPECT_EQ(signal_queue_use()->queued, static_cast<std::uint64_t>(queued));

    send_or_fail(*self, SIGUSR1, 77);  // a standard one goes through, and loses its value
    EXPECT_EQ(next(receiver).number, SIGUSR1);

    EXPECT_EQ(next(receiver).value, 0);
    send_or_fail(*self, SIGRTMIN, queued);
    for (int value = 1; value <= queued; ++value) EXPECT_EQ(next(receiver).value, value);
    EXPECT_TRUE(nothing_left(receiver));
  });
  EXPECT_TRUE(child.wait().success());
}

TEST(Signal, TheSenderIsOnlyWhatItClaimsToBe) {
  SignalReceiver receiver = receive({SIGRTMIN + 5});
  auto forger = sender([](const Process& parent) {
    siginfo_t info{};
    info.si_signo = SIGRTMIN + 5;
    info.si_code = SI_QUEUE;
    info.si_pid = 1;
    info.si_uid = 4242;
    info.si_value.sival_int = 13;
    ASSERT_EQ(::syscall(SYS_pidfd_send_signal, parent.pollable(), SIGRTMIN + 5, &info, 0), 0);
    info.si_code = SI_USER;  // what only the kernel may say
    EXPECT_EQ(::syscall(SYS_pidfd_send_signal, parent.pollable(), SIGRTMIN + 5, &info, 0), -1);
    EXPECT_EQ(errno, EPERM);
  });
  ASSERT_TRUE(forger.wait().success());
  const ReceivedSignal got = next(receiver);
  EXPECT_EQ(got.claimed_pid, 1) << "a false pid passes: it must never be taken for a proof";
  EXPECT_EQ(got.claimed_uid, 4242U);
  EXPECT_EQ(got.value, 13);
  EXPECT_TRUE(nothing_left(receiver));
}

TEST(Signal, SendingToAProcessThatWasKilledSaysPeerGoneBeforeAndAfterItIsCollected) {
  auto child = test::fork_child([](test::Ready ready) {
    ready.say();
    ready.stay();
  });
  child.wait_until_ready();
  auto process = Process::open(child.pid());
  ASSERT_TRUE(process);
  EXPECT_TRUE(send_signal(*process, 0)->is<Done>());
  child.signal(SIGKILL);
  ASSERT_TRUE(process->wait());
  EXPECT_TRUE(send_signal(*process, SIGRTMIN, 1)->is<PeerGone>());
  (void)child.wait();
  EXPECT_TRUE(send_signal(*process, SIGRTMIN, 1)->is<PeerGone>());
}

TEST(Signal, RefusalsTellTheirReason) {
  auto self = Process::self();
  ASSERT_TRUE(self);
  auto none = send_signal(*self, 99);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code(), EINVAL);
  EXPECT_NE(none.error().hint().find("signal 99"), std::string::npos);

  GINNEL_REQUIRE_ROOT();
  auto stranger = test::fork_child_as(test::other_uid, [&](test::Ready) {
    auto refused = send_signal(*self, SIGTERM);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), EPERM);
    EXPECT_NE(refused.error().hint().find("CAP_KILL"), std::string::npos);
  });
  EXPECT_TRUE(stranger.wait().success());
}

TEST(SignalReceiver, SetsTheMaskAndRestoresItExactlyAlsoWhenNested) {
  sigset_t mine{};
  ::sigemptyset(&mine);
  ::sigaddset(&mine, SIGUSR2);
  ::pthread_sigmask(SIG_BLOCK, &mine, nullptr);
  const test::AtEnd unblock{[&] { ::pthread_sigmask(SIG_UNBLOCK, &mine, nullptr); }};
  const std::vector<int> before = blocked_signals();
  {
    SignalReceiver outer = receive({SIGUSR1, SIGUSR2});
    const std::vector<int> with_outer = blocked_signals();
    EXPECT_EQ(with_outer, (std::vector{SIGUSR1, SIGUSR2}));
    {
      SignalReceiver inner = receive({SIGUSR1, SIGRTMIN});
      EXPECT_EQ(blocked_signals(), (std::vector{SIGUSR1, SIGUSR2, SIGRTMIN}));
      SignalReceiver moved{std::move(inner)};
      EXPECT_EQ(blocked_signals(), (std::vector{SIGUSR1, SIGUSR2, SIGRTMIN}));
    }
    EXPECT_EQ(blocked_signals(), with_outer);
  }
  EXPECT_EQ(blocked_signals(), before);
}

TEST(SignalReceiver, LeavesAloneWhatTheCallerChangedInTheMeantime) {
  sigset_t mine{};
  ::sigemptyset(&mine);
  ::sigaddset(&mine, SIGHUP);
  {
    SignalReceiver receiver = receive({SIGUSR1});
    ::pthread_sigmask(SIG_BLOCK, &mine, nullptr);
  }
  EXPECT_EQ(blocked_signals(), std::vector{SIGHUP});
  ::pthread_sigmask(SIG_UNBLOCK, &mine, nullptr);
}

TEST(SignalReceiver, WhatCannotBeReceivedIsRefusedAndChangesNothing) {
  const auto before = blocked_signals();
  const auto open = test::open_descriptors();
  for (const int number : {SIGKILL, SIGSTOP, 0, -1, 32, 33, 65, 1000}) {
    auto receiver = SignalReceiver::create({SIGUSR1, number});
    ASSERT_FALSE(receiver) << number;
    EXPECT_EQ(receiver.error().code(), EINVAL);
    EXPECT_EQ(receiver.error().object(), signal_name(number));
  }
  EXPECT_EQ(blocked_signals(), before);
  EXPECT_EQ(test::open_descriptors(), open);
}

TEST(SignalReceiver, ItsDescriptorIsNonBlockingClosedOnExecAndReadableWhileASignalWaits) {
  SignalReceiver receiver = receive({SIGUSR1});
  EXPECT_EQ(::fcntl(receiver.pollable(), F_GETFD), FD_CLOEXEC);
  EXPECT_NE(::fcntl(receiver.pollable(), F_GETFL) & O_NONBLOCK, 0);
  EXPECT_TRUE(wait_ready(receiver.pollable(), Interest::readable, Deadline::immediately())->is<TimedOut>());
  send_or_fail(*Process::self(), SIGUSR1);
  EXPECT_TRUE(wait_ready(receiver.pollable(), Interest::readable)->is<Done>());
  EXPECT_EQ(next(receiver).number, SIGUSR1);
}

TEST(SignalReceiver, AnInheritedEpollWatchesTheParentAndANewReceiverTheChild) {
  SignalReceiver receiver = receive({SIGUSR1});
  const UniqueFd epoll{::epoll_create1(EPOLL_CLOEXEC)};
  epoll_event interest{.events = EPOLLIN, .data = {.fd = receiver.pollable()}};
  ASSERT_EQ(::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, receiver.pollable(), &interest), 0);

  auto child = test::fork_child([&](test::Ready) {
    send_or_fail(*Process::self(), SIGUSR1, 1);
    epoll_event event{};
    EXPECT_EQ(::epoll_wait(epoll.get(), &event, 1, 0), 0) << "the trap: the signal is there and is not seen";

    SignalReceiver own = receive({SIGUSR1});
    const UniqueFd new_epoll{::epoll_create1(EPOLL_CLOEXEC)};
    interest.data.fd = own.pollable();
    ASSERT_EQ(::epoll_ctl(new_epoll.get(), EPOLL_CTL_ADD, own.pollable(), &interest), 0);
    EXPECT_EQ(::epoll_wait(new_epoll.get(), &event, 1, -1), 1);
    EXPECT_EQ(next(own).value, 1);
  });
  EXPECT_TRUE(child.wait().success());
  EXPECT_TRUE(nothing_left(receiver));
}

}  // namespace
}  // namespace ginnel
