#include "ginnel/msg/service.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <functional>
#include <stdexcept>

#include "channel_link.hpp"
#include "support/blocked_in.hpp"
#include "support/child_process.hpp"
#include "support/messaging_test.hpp"
#include "support/scratch.hpp"

namespace ginnel {
namespace {

using namespace std::chrono_literals;

struct Question {
  std::uint64_t number = 0;
};
struct Reply {
  std::uint64_t number = 0;
  std::uint64_t doubled = 0;
};
using Doubler = Service<Question, Reply>;
using DoublerClient = Client<Question, Reply>;
using Asked = Request<Question, Reply>;

template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error{result.error().message()};
  return std::move(*result);
}

class ServiceTest : public test::MessagingTest {
 protected:
  const std::string path_ = home_ + "/socket";

  [[nodiscard]] Doubler listen(const ChannelListenOptions& options = {}) const {
    return must(Doubler::listen(path_, options));
  }
  [[nodiscard]] DoublerClient connect(const ChannelOptions& options = {}) const {
    return must(DoublerClient::connect(path_, options));
  }
  /// A server in a process of its own, which lives until it is killed.
  [[nodiscard]] test::ChildProcess fork_server(const std::function<void(Doubler&, test::Ready)>& serve,
                                               const ChannelListenOptions& options = {}) const {
    auto child = test::fork_child([&](test::Ready ready) {
      auto service = listen(options);
      ready.say();
      serve(service, ready);
    });
    child.wait_until_ready();
    return child;
  }
};

Asked take(Doubler& service) {
  auto next = must(service.next(Deadline::after(30s)));
  if (const auto* away = next.get_if<TurnedAway>()) throw std::runtime_error{away->why.message()};
  return std::move(next.as<Asked>());
}
void answer(Asked& request) {
  const auto answered = request.answer({.number = request->number, .doubled = 2 * request->number});
  ASSERT_TRUE(answered.has_value()) << answered.error().message();
  ASSERT_TRUE(answered->is<Done>());
}
void serve_for_ever(Doubler& service, test::Ready) {
  while (true) {
    auto request = take(service);
    answer(request);
  }
}
std::uint64_t ask(DoublerClient& client, std::uint64_t number) {
  auto called = must(client.call({.number = number}, Deadline::after(30s)));
  const Reply reply = *called.as<Incoming<Reply>>();
  EXPECT_EQ(reply.number, number);
  return reply.doubled;
}

class ServiceWaitingTest : public ServiceTest, public ::testing::WithParamInterface<Waiting> {};
INSTANTIATE_TEST_SUITE_P(Each, ServiceWaitingTest,
                         ::testing::Values(Waiting::adaptive, Waiting::sleeping, Waiting::polling));

TEST_P(ServiceWaitingTest, EachCallGetsItsAnswer) {
  auto server = fork_server(serve_for_ever, {.waiting = GetParam()});
  auto client = connect({.waiting = GetParam()});
  for (std::uint64_t i = 0; i < 5'000; ++i) ASSERT_EQ(ask(client, i), 2 * i);
}

// Between the calls of one the server sleeps where it sees nothing of its door: first of few clients, then of more than it sleeps for so.
TEST_F(ServiceTest, WhoeverComesIsServedWhileAnotherAsksWithoutEnd) {
  auto server = fork_server(serve_for_ever, {.waiting = Waiting::sleeping});
  auto busy = test::fork_child([&](test::Ready ready) {
    auto client = connect({.waiting = Waiting::sleeping});
    static_cast<void>(ask(client, 0));
    ready.say();
    for (std::uint64_t i = 1;; ++i) static_cast<void>(ask(client, i));
  });
  busy.wait_until_ready();
  std::vector<DoublerClient> others;
  for (std::uint64_t i = 0; i < 12; ++i) {
    others.push_back(connect({.waiting = Waiting::sleeping}));
    for (DoublerClient& client : others) ASSERT_EQ(ask(client, i), 2 * i);
  }
}

TEST_F(ServiceTest, OneLineToAskAsItStandsInTheManual) {
  auto server = fork_server(serve_for_ever);
  auto answer = DoublerClient::connect(path_)->call({.number = 21}, Deadline::after(30s));
  ASSERT_TRUE(answer.has_value());
  EXPECT_TRUE(answer->is<Incoming<Reply>>());
}

TEST_F(ServiceTest, TwoHundredClientsAtATimeEachGetTheirOwnAnswers) {
  constexpr int processes = 20;
  constexpr int clients_of_each = 10;
  auto server = fork_server(serve_for_ever);
  std::vector<test::ChildProcess> children;
  for (std::uint64_t p = 0; p < processes; ++p)
    children.push_back(test::fork_child([&, p](test::Ready ready) {
      std::vector<DoublerClient> clients;
      for (int c = 0; c < clients_of_each; ++c) clients.push_back(connect());
      ready.say();
      ready.wait_for_release();
      for (std::uint64_t i = 0; i < 200; ++i)
        ASSERT_EQ(ask(clients[i % clients_of_each], p * 1'000'000 + i), 2 * (p * 1'000'000 + i));
    }));
  for (auto& child : children) child.wait_until_ready();
  for (auto& child : children) child.release();
  for (auto& child : children) EXPECT_TRUE(child.wait().success());
}

TEST_F(ServiceTest, TheServerForgetsClientsThatGo) {
  auto service = listen();
  const auto before = test::open_descriptor_count();
  for (int round = 0; round < 5; ++round) {
    auto child = test::fork_child([&](test::Ready) {
      auto client = connect();
      EXPECT_EQ(ask(client, 4), 8U);
      if (round % 2 == 0) ::raise(SIGKILL);
    });
    auto request = take(service);
    EXPECT_EQ(service.clients(), 1U);
    answer(request);
    static_cast<void>(child.wait());
    while (service.clients() > 0) EXPECT_TRUE(service.next(Deadline::after(1ms))->is<TimedOut>());
  }
  EXPECT_EQ(test::open_descriptor_count(), before);
}

TEST_F(ServiceTest, AnswersMayComeInAnyOrder) {
  auto service = listen();
  std::vector<test::ChildProcess> children;
  for (std::uint64_t i = 0; i < 5; ++i)
    children.push_back(test::fork_child([&, i](test::Ready) {
      auto client = connect();
      EXPECT_EQ(ask(client, i), 2 * i);
      EXPECT_EQ(ask(client, i + 10), 2 * (i + 10));
    }));
  std::vector<Asked> requests;
  for (int i = 0; i < 5; ++i) requests.push_back(take(service));
  std::ranges::reverse(requests);
  for (Asked& request : requests) answer(request);
  for (int i = 0; i < 5; ++i) {
    auto request = take(service);
    answer(request);
  }
  for (auto& child : children) EXPECT_TRUE(child.wait().success());
}

TEST_F(ServiceTest, TheAnswerToACallThatTimedOutIsDropped) {
  auto service = listen();
  auto child = test::fork_child([&](test::Ready ready) {
    auto client = connect();
    ready.wait_for_release();
    EXPECT_TRUE(client.call({.number = 1}, Deadline::after(20ms))->is<TimedOut>());
    EXPECT_TRUE(client.call({.number = 2}, Deadline::immediately())->is<TimedOut>());
    ready.say();
    EXPECT_EQ(ask(client, 3), 6U);
  });
  while (service.clients() == 0) EXPECT_TRUE(service.next(Deadline::immediately())->is<TimedOut>());
  child.release();
  child.wait_until_ready();
  for (std::uint64_t i = 0; i < 3; ++i) {
    auto request = take(service);
    answer(request);
  }
  EXPECT_TRUE(child.wait().success());
}

TEST_F(ServiceTest, ARequestThatIsDroppedIsToldAtOnce) {
  auto service = listen();
  auto child = test::fork_child([&](test::Ready) {
    auto client = connect();
    EXPECT_TRUE(client.call({.number = 1})->is<MaybeExecuted>());
    EXPECT_EQ(ask(client, 3), 6U);
  });
  {
    const auto dropped = take(service);
  }
  auto request = take(service);
  answer(request);
  EXPECT_TRUE(child.wait().success());
}

// The death of the server.

TEST_F(ServiceTest, AServerThatDiesBeforeItTakesTheRequestHasNotStarted) {
  auto server = fork_server([](Doubler& service, test::Ready ready) {
    while (service.clients() == 0) static_cast<void>(service.next(Deadline::immediately()));
    ready.say();
    ready.stay();
  });
  auto child = test::fork_child([&](test::Ready ready) {
    auto client = connect({.waiting = Waiting::sleeping});
    ready.say();
    ready.wait_for_release();
    const auto called = client.call({.number = 1});
    ASSERT_TRUE(called.has_value() && called->is<NotStarted>());
    EXPECT_EQ(called->as<NotStarted>().because, NotStarted::Because::server_gone);
    EXPECT_TRUE(client.call({.number = 2})->is<NotStarted>()) << "and so is every call after it";
  });
  child.wait_until_ready();
  server.wait_until_ready();
  child.release();
  test::wait_until_blocked_in(child.pid(), SYS_futex);
  server.kill_and_reap(SIGKILL);
  EXPECT_TRUE(child.wait().success());
}

TEST_F(ServiceTest, AServerThatDiesAfterItTookTheRequestMayHaveDoneIt) {
  auto server = fork_server([](Doubler& service, test::Ready ready) {
    const auto taken = take(service);
    ready.say();
    ready.stay();
  });
  auto child = test::fork_child([&](test::Ready) {
    auto client = connect();
    EXPECT_TRUE(client.call({.number = 1})->is<MaybeExecuted>());
  });
  server.wait_until_ready();
  server.kill_and_reap(SIGKILL);
  EXPECT_TRUE(child.wait().success());
}

TEST_F(ServiceTest, AnAnswerThatWasGivenBeforeTheDeathIsReceived) {
  auto server = fork_server([](Doubler& service, test::Ready ready) {
    auto request = take(service);
    ready.say();
    ready.wait_for_release();
    answer(request);
    ::raise(SIGKILL);
  });
  auto child = test::fork_child([&](test::Ready) {
    auto client = connect();
    EXPECT_EQ(ask(client, 7), 14U);
    EXPECT_TRUE(client.call({.number = 8})->is<NotStarted>());
  });
  server.wait_until_ready();
  child.stop();
  server.release();
  static_cast<void>(server.wait());
  child.resume();
  EXPECT_TRUE(child.wait().success());
}

TEST_F(ServiceTest, AServerThatClosesInGoodOrderIsToldAtOnce) {
  auto server = fork_server([](Doubler& service, test::Ready) {
    auto request = take(service);
    answer(request);
    const auto unanswered = take(service);
  });
  auto client = connect();
  EXPECT_EQ(ask(client, 1), 2U);
  EXPECT_TRUE(client.call({.number = 2})->is<MaybeExecuted>());
  EXPECT_TRUE(server.wait().success());
  EXPECT_TRUE(client.call({.number = 3})->is<NotStarted>());
}

/// Whatever was told as not started was not: the server writes down what it was handed before it does anything else.
TEST_F(ServiceTest, WhatIsToldAsNotStartedWasNeverHandedOut) {
  for (int death = 0; death < 40; ++death) {
    auto record = must(ReadWriteMapping::anonymous(Bytes{4096}));
    auto& handed_out = *reinterpret_cast<std::atomic<std::uint64_t>*>(record.bytes().data());
    auto server = fork_server([&](Doubler& service, test::Ready) {
      while (true) {
        auto request = take(service);
        handed_out.store(request->number);
        answer(request);
      }
    });
    auto child = test::fork_child([&](test::Ready ready) {
      auto client = connect();
      ready.say();
      for (std::uint64_t i = 1;; ++i) {
        auto called = must(client.call({.number = i}));
        if (called.is<Incoming<Reply>>()) continue;
        if (called.is<NotStarted>()) {
          EXPECT_LT(handed_out.load(), i);
        } else {
          EXPECT_TRUE(called.is<MaybeExecuted>());
        }
        return;
      }
    });
    child.wait_until_ready();
    while (handed_out.load() < static_cast<std::uint64_t>(death) * 10) {
    }
    server.kill_and_reap(SIGKILL);
    ASSERT_TRUE(child.wait().success());
  }
}

TEST_F(ServiceTest, AStoppedServerIsNotTakenForDead) {
  auto server = fork_server(serve_for_ever);
  auto client = connect();
  EXPECT_EQ(ask(client, 1), 2U);
  server.stop();
  EXPECT_TRUE(client.call({.number = 2}, Deadline::after(200ms))->is<TimedOut>());
  server.resume();
  EXPECT_EQ(ask(client, 3), 6U);
}

TEST_F(ServiceTest, AServerThatIsFarBehindHasNoRoom) {
  auto server = fork_server(serve_for_ever);
  auto client = connect();
  EXPECT_EQ(ask(client, 1), 2U);
  server.stop();
  auto called = must(client.call({.number = 2}, Deadline::immediately()));
  while (called.is<TimedOut>()) called = must(client.call({.number = 2}, Deadline::immediately()));
  ASSERT_TRUE(called.is<NotStarted>());
  EXPECT_EQ(called.as<NotStarted>().because, NotStarted::Because::no_room);
  server.resume();
  EXPECT_EQ(ask(client, 3), 6U);
}

// Clients that do harm.

TEST_F(ServiceTest, ClientsThatDieStopOrSayNonsenseHoldNobodyUp) {
  auto server = fork_server([](Doubler& service, test::Ready) {
    while (true) {
      auto next = must(service.next(Deadline::after(30s)));
      if (auto* request = next.get_if<Asked>())
        static_cast<void>(request->answer({.number = (*request)->number, .doubled = 2 * (*request)->number}));
    }
  });
  auto honest = connect();
  std::vector<test::ChildProcess> others;
  for (int i = 0; i < 8; ++i)
    others.push_back(test::fork_child([&](test::Ready ready) {
      auto client = connect();
      EXPECT_EQ(ask(client, 1), 2U);
      ready.say();
      for (std::uint64_t k = 0;; ++k) static_cast<void>(client.call({.number = k}, Deadline::after(10us)));
    }));
  for (auto& other : others) other.wait_until_ready();
  for (std::uint64_t i = 0; i < 50; ++i) ASSERT_EQ(ask(honest, i), 2 * i);
  others[0].stop();
  others[1].kill_and_reap(SIGKILL);
  for (std::uint64_t i = 0; i < 50; ++i) ASSERT_EQ(ask(honest, i), 2 * i);
  others.clear();
  for (std::uint64_t i = 0; i < 50; ++i) ASSERT_EQ(ask(honest, i), 2 * i);
}

TEST_F(ServiceTest, ManyCallsThatTimedOutLeaveRoomForTheAnswerThatIsWaitedFor) {
  auto service = listen();
  auto child = test::fork_child([&](test::Ready ready) {
    auto client = connect();
    ready.say();
    ready.wait_for_release();
    std::uint64_t open = 0;
    while (must(client.call({.number = 1}, Deadline::immediately())).is<TimedOut>()) ++open;
    ready.say(std::to_string(open));
    EXPECT_EQ(ask(client, 3), 6U);
  });
  while (service.clients() == 0) static_cast<void>(must(service.next(Deadline::immediately())));
  child.wait_until_ready();
  child.release();
  const std::uint64_t open = std::stoull(child.next_line());
  EXPECT_GT(open, 1000U);
  for (std::uint64_t i = 0; i <= open; ++i) {
    auto request = take(service);
    answer(request);
  }
  EXPECT_TRUE(child.wait().success());
}

TEST_F(ServiceTest, AClientThatReadsNoAnswersIsNotWaitedFor) {
  auto service = listen();
  auto child = test::fork_child([&](test::Ready ready) {
    auto end = must(
        detail::ChannelEnd::connect(path_, message_type<Question>(), message_type<Reply>(), {}, Deadline::never()));
    auto& channel = *end.as<std::unique_ptr<detail::ChannelEnd>>();
    while (must(channel.prepare(sizeof(Question), Deadline::after(30s))).is<Done>()) channel.commit(sizeof(Question));
    ready.stay();
  });
  for (bool full = false; !full;) {
    auto request = take(service);
    full = must(request.answer({})).is<TimedOut>();
  }
}

TEST_F(ServiceTest, ARequestOfAnotherSizeIsNone) {
  auto service = listen();
  auto child = test::fork_child([&](test::Ready) {
    // As a channel, which may send bytes of any size.
    auto end = must(
        detail::ChannelEnd::connect(path_, message_type<AnyBytes>(), message_type<Reply>(), {}, Deadline::never()));
    auto& channel = *end.as<std::unique_ptr<detail::ChannelEnd>>();
    ASSERT_TRUE(channel.prepare(3, Deadline::never())->is<Done>());
    channel.commit(3);
    EXPECT_TRUE(channel.wait(Deadline::after(30s))->is<PeerGone>());
  });
  auto next = must(service.next(Deadline::after(30s)));
  ASSERT_TRUE(next.is<TurnedAway>());
  EXPECT_EQ(next.as<TurnedAway>().why.code(), EBADMSG);
  EXPECT_EQ(next.as<TurnedAway>().peer.pid, child.pid());
  EXPECT_EQ(service.clients(), 0U);
  EXPECT_TRUE(child.wait().success());
}

TEST_F(ServiceTest, AnswersThatAreNoneBreakTheChannelOfTheClient) {
  struct Odd {
    std::uint64_t word;
    std::uint64_t rest;
  };
  for (const std::size_t length : {std::size_t{0}, std::size_t{8}, std::size_t{16}, std::size_t{24}}) {
    auto server = test::fork_child([&](test::Ready ready) {
      auto door = must(detail::ChannelDoor::listen(path_, message_type<AnyBytes>(), message_type<Question>(), {}));
      ready.say();
      auto accepted = must(door.accept(Deadline::after(30s)));
      auto& end = *accepted.as<std::unique_ptr<detail::ChannelEnd>>();
      ASSERT_TRUE(end.wait(Deadline::after(30s))->is<detail::Record>());
      ASSERT_TRUE(end.prepare(24, Deadline::never())->is<Done>());
      std::memset(end.payload(), 0, 24);
      if (length == 24) end.payload()[0] = std::byte{9};
      end.commit(static_cast<std::uint32_t>(length));
      static_cast<void>(end.wait(Deadline::after(30s)));
    });
    server.wait_until_ready();
    auto client = connect();
    const auto called = client.call({.number = 1}, Deadline::after(30s));
    ASSERT_FALSE(called.has_value()) << length;
    EXPECT_EQ(called.error().code(), EBADMSG);
    EXPECT_TRUE(server.wait().success());
  }
}

TEST_F(ServiceTest, AnotherTypeIsRefusedAndBothAreShown) {
  auto service = listen();
  auto child = test::fork_child([&](test::Ready) {
    const auto refused = Client<Question, Question>::connect(path_);
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code(), EPROTOTYPE);
    EXPECT_NE(refused.error().hint().find("Reply (16 bytes)"), std::string::npos) << refused.error().hint();
    EXPECT_NE(refused.error().hint().find("Question (8 bytes)"), std::string::npos);
  });
  auto next = must(service.next(Deadline::after(30s)));
  ASSERT_TRUE(next.is<TurnedAway>());
  EXPECT_EQ(next.as<TurnedAway>().why.code(), EPROTOTYPE);
  EXPECT_TRUE(child.wait().success());
}

TEST_F(ServiceTest, OnlyThoseOnTheListMayAskAndTheServerKnowsWho) {
  GINNEL_REQUIRE_ROOT();
  std::filesystem::permissions(home_, std::filesystem::perms{0755});
  auto service = listen({.allow = {test::other_uid}});
  auto child = test::fork_child_as(test::other_uid, [&](test::Ready) {
    auto client = connect();
    EXPECT_EQ(client.credentials().uid, 0U);
    EXPECT_EQ(ask(client, 4), 8U);
  });
  auto request = take(service);
  EXPECT_EQ(request.credentials().uid, test::other_uid);
  EXPECT_EQ(request.credentials().pid, child.pid());
  answer(request);
  EXPECT_TRUE(child.wait().success());
  auto refused =
      test::fork_child([&](test::Ready) { EXPECT_EQ(DoublerClient::connect(path_).error().code(), ECONNRESET); });
  auto next = must(service.next(Deadline::after(30s)));
  while (!next.is<TurnedAway>()) next = must(service.next(Deadline::after(30s)));
  EXPECT_EQ(next.as<TurnedAway>().why.code(), EACCES);
  EXPECT_TRUE(refused.wait().success());
}

// Descriptors, sequences, limits.

TEST_F(ServiceTest, DescriptorsGoBothWays) {
  auto server = fork_server([](Doubler& service, test::Ready) {
    while (true) {
      auto request = take(service);
      std::vector<int> back;
      for (const UniqueFd& fd : request.descriptors()) back.push_back(fd.get());
      ASSERT_TRUE(request.answer_with(back, {.number = request->number, .doubled = back.size()})->is<Done>());
    }
  });
  auto client = connect();
  for (std::uint64_t i = 0; i < 10; ++i) {
    std::array<int, 2> pipe{};
    ASSERT_EQ(::pipe2(pipe.data(), O_CLOEXEC), 0);
    const UniqueFd read_end{pipe[0]};
    const UniqueFd write_end{pipe[1]};
    auto called = client.call_with(std::vector<int>(i, pipe[1]), {.number = i}, Deadline::after(30s));
    ASSERT_TRUE(called.has_value()) << called.error().message();
    auto& reply = called->as<Incoming<Reply>>();
    EXPECT_EQ((*reply).doubled, i);
    ASSERT_EQ(reply.descriptors().size(), i);
    if (i == 0) continue;
    char letter = 0;
    ASSERT_EQ(::write(reply.descriptors().back().get(), "x", 1), 1);
    ASSERT_EQ(::read(read_end.get(), &letter, 1), 1);
  }
}

TEST_F(ServiceTest, ARequestWhoseDescriptorsCannotBeTakenHasNotStarted) {
  auto service = listen();
  auto child = test::fork_child([&](test::Ready) {
    auto client = connect();
    EXPECT_EQ(ask(client, 1), 2U);
    const auto called = client.call_with(std::vector<int>(20, 0), {.number = 2});
    ASSERT_TRUE(called.has_value()) << called.error().message();
    ASSERT_TRUE(called->is<NotStarted>());
    EXPECT_EQ(called->as<NotStarted>().because, NotStarted::Because::not_taken);
    EXPECT_EQ(ask(client, 3), 6U);
  });
  {
    auto request = take(service);
    answer(request);
  }
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  const UniqueFd next_free{::dup(0)};
  const rlimit few{.rlim_cur = static_cast<rlim_t>(next_free.get() + 10), .rlim_max = before.rlim_max};
  ::setrlimit(RLIMIT_NOFILE, &few);
  const auto next = service.next(Deadline::after(30s));
  ::setrlimit(RLIMIT_NOFILE, &before);
  ASSERT_TRUE(next.has_value() && next->is<TurnedAway>());
  EXPECT_EQ(next->as<TurnedAway>().why.code(), EMFILE);
  auto request = take(service);
  answer(request);
  EXPECT_TRUE(child.wait().success());
}

TEST_F(ServiceTest, AServerWithoutADescriptorFreeServesThoseWhoAreIn) {
  auto service = listen();
  auto in = test::fork_child([&](test::Ready ready) {
    auto client = connect();
    EXPECT_EQ(ask(client, 1), 2U);
    ready.say();
    ready.wait_for_release();
    for (std::uint64_t i = 0; i < 200; ++i) EXPECT_EQ(ask(client, i), 2 * i);
  });
  {
    auto request = take(service);
    answer(request);
  }
  in.wait_until_ready();
  auto out = test::fork_child([&](test::Ready ready) {
    ready.say();
    auto client = connect();
    EXPECT_EQ(ask(client, 5), 10U);
  });
  out.wait_until_ready();
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  const rlimit none{.rlim_cur = 3, .rlim_max = before.rlim_max};
  ::setrlimit(RLIMIT_NOFILE, &none);
  in.release();
  int served = 0;
  int errors = 0;
  while (served < 200) {
    auto next = service.next(Deadline::after(30s));
    if (!next) {
      ++errors;
      EXPECT_EQ(next.error().code(), EMFILE);
      continue;
    }
    if (auto* request = next->get_if<Asked>()) {
      answer(*request);
      ++served;
    }
  }
  while (errors == 0)
    if (const auto next = service.next(Deadline::after(30s)); !next) ++errors;
  ::setrlimit(RLIMIT_NOFILE, &before);
  auto request = take(service);
  EXPECT_EQ(request->number, 5U);
  answer(request);
  EXPECT_TRUE(in.wait().success());
  EXPECT_TRUE(out.wait().success());
}

TEST_F(ServiceTest, SequencesAreAskedAndAnswered) {
  struct alignas(32) Wide {
    std::uint64_t value = 0;
  };
  using Words = Service<char[], Wide[]>;
  auto server = test::fork_child([&](test::Ready ready) {
    auto service = must(Words::listen(path_));
    ready.say();
    while (true) {
      auto next = must(service.next());
      auto* const request = next.get_if<Request<char[], Wide[]>>();
      if (request == nullptr) continue;
      std::vector<Wide> lengths((*request)->size());
      for (std::size_t i = 0; i < lengths.size(); ++i) lengths[i].value = static_cast<unsigned char>((**request)[i]);
      ASSERT_TRUE(request->answer(lengths)->is<Done>());
    }
  });
  server.wait_until_ready();
  auto client = must(Client<char[], Wide[]>::connect(path_));
  for (const std::string_view word : {"", "a", "longer than a line of the cache, which is what matters here"}) {
    auto called = client.call(word, Deadline::after(30s));
    ASSERT_TRUE(called.has_value()) << called.error().message();
    const auto there = called->as<Incoming<Wide[]>>().in_place();
    ASSERT_EQ(there.size(), word.size());
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(there.data()) % 32, 0U);
    for (std::size_t i = 0; i < word.size(); ++i) EXPECT_EQ(there[i].value, static_cast<unsigned char>(word[i]));
  }
  const auto refused = client.call(std::string(100'000, 'x'));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), EMSGSIZE);
}

TEST_F(ServiceTest, AnEventLoopServesEverybody) {
  auto service = listen();
  constexpr std::uint64_t calls = 2'000;
  std::vector<test::ChildProcess> children;
  for (int c = 0; c < 4; ++c)
    children.push_back(test::fork_child([&](test::Ready) {
      auto client = connect();
      for (std::uint64_t i = 0; i < calls; ++i) ASSERT_EQ(ask(client, i), 2 * i);
    }));
  std::uint64_t served = 0;
  while (served < 4 * calls) {
    ASSERT_TRUE(test::becomes_readable(service.pollable(), 30'000)) << served;
    auto next = must(service.next(Deadline::immediately()));
    for (; !next.is<TimedOut>(); next = must(service.next(Deadline::immediately()))) {
      answer(next.as<Asked>());
      ++served;
    }
  }
  for (auto& child : children) EXPECT_TRUE(child.wait().success());
}

TEST_F(ServiceTest, AChildOfForkIsRefusedAndDoesNoHarm) {
  auto service = listen();
  auto asking = test::fork_child([&](test::Ready) {
    auto client = connect();
    auto child = test::fork_child([&](test::Ready) {
      EXPECT_EQ(client.call({}).error().code(), ECHILD);
      auto own = std::move(client);
    });
    EXPECT_TRUE(child.wait().success());
    EXPECT_EQ(ask(client, 1), 2U);
  });
  auto request = take(service);
  auto child = test::fork_child([&](test::Ready) {
    EXPECT_EQ(service.next().error().code(), ECHILD);
    EXPECT_EQ(request.answer({}).error().code(), ECHILD);
    const auto own_request = std::move(request);
    const auto own = std::move(service);
  });
  EXPECT_TRUE(child.wait().success());
  answer(request);
  EXPECT_TRUE(asking.wait().success());
}

}  // namespace
}  // namespace ginnel
