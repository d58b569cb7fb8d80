#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <memory>
#include <thread>
#include <vector>

#include "channel_link.hpp"
#include "ginnel/msg/service.hpp"
#include "ginnel/sys/ancillary.hpp"
#include "ginnel/sys/io.hpp"
#include "support/hand_made_peer.hpp"
#include "support/messaging_test.hpp"

// Clients of a service that break its rules, and a server that does. What channel_hostile_test.cpp shows of channels holds here too.

namespace ginnel {
namespace {

using namespace std::chrono_literals;
using namespace ginnel::detail;
using namespace ginnel::hand_made;

using Doubler = Service<std::uint64_t, std::uint64_t>;
using DoublerClient = Client<std::uint64_t, std::uint64_t>;
using Asked = Request<std::uint64_t, std::uint64_t>;

class HostileServiceTest : public test::MessagingTest {
 protected:
  const std::string path_ = home_ + "/socket";
  const ChannelTerms terms_{.sends = message_type<std::uint64_t>(),
                            .receives = message_type<std::uint64_t>(),
                            .capacity = Bytes::kib(64),
                            .address = "channel:" + path_};
};

/// Threads that knock at the server as fast as they can, until they are destroyed.
class Knockers {
 public:
  Knockers(const std::string& path, const ChannelTerms& terms, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i)
      threads_.emplace_back([this, path, terms] {
        const auto link = must(connect_channel(UnixAddress{path}, terms, Deadline::after(30s))).as<ChannelLink>();
        ++there_;
        const ChannelNote knock{
            .kind = static_cast<std::uint32_t>(ChannelNote::Kind::knock), .reserved = 0, .number = 0};
        while (!over_)
          static_cast<void>(
              send_descriptors(link.socket.get(), std::as_bytes(std::span{&knock, 1}), {}, Deadline::after(10ms)));
      });
  }
  Knockers(const Knockers&) = delete;
  Knockers& operator=(const Knockers&) = delete;
  ~Knockers() {
    over_ = true;
    for (std::thread& thread : threads_) thread.join();
  }
  [[nodiscard]] bool are_there() const { return there_ == threads_.size(); }

 private:
  std::atomic<bool> over_{false};
  std::atomic<std::size_t> there_{0};
  std::vector<std::thread> threads_;
};

TEST_F(HostileServiceTest, ClientsThatKnockWithoutEndKeepNobodyBeyondADeadlineThreads) {
  auto server = must(Doubler::listen(path_, {.waiting = Waiting::sleeping}));
  const Knockers knockers{path_, terms_, 4};
  while (!knockers.are_there()) static_cast<void>(must(server.next(Deadline::after(1ms))));
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(must(server.next(Deadline::after(1ms))).is<TimedOut>());
    EXPECT_TRUE(must(server.next(Deadline::immediately())).is<TimedOut>());
  }
}

TEST_F(HostileServiceTest, WhoAsksWhileOthersKnockWithoutEndIsAnsweredThreads) {
  auto server = must(Doubler::listen(path_));
  const Knockers knockers{path_, terms_, 2};
  std::atomic<bool> over{false};
  std::thread serving{[&] {
    while (!over) {
      auto next = must(server.next(Deadline::after(1ms)));
      if (auto* request = next.get_if<Asked>()) static_cast<void>(request->answer(2 * **request));
    }
  }};
  {
    auto client = must(DoublerClient::connect(path_));
    for (std::uint64_t i = 0; i < 200; ++i) {
      const auto called = must(client.call(i, Deadline::after(30s)));
      ASSERT_TRUE(called.is<Incoming<std::uint64_t>>());
      EXPECT_EQ(*called.as<Incoming<std::uint64_t>>(), 2 * i);
    }
  }
  over = true;
  serving.join();
}

/// Each lies in the ring with its length and its number, and a client that looks for a later one passes it over.
TEST_F(HostileServiceTest, OldAnswersWithoutEndBreakTheConnectionThreads) {
  auto listener = must(UnixListener::listen(UnixType::seqpacket, UnixAddress{path_}));
  std::atomic<bool> over{false};
  std::thread serving{[&] {
    const auto self = must(Process::self());
    auto accepted = must(listener.accept(Deadline::after(30s)));
    auto& socket = accepted.as<UniqueFd>();
    static_cast<void>(wait_ready(socket.get(), Interest::readable, Deadline::after(30s)));
    const auto answered = must(answer_hello(socket, must(peer_credentials(socket.get())), self, terms_));
    const auto& link = answered.as<ChannelLink>();
    constexpr std::uint32_t length = sizeof(AnswerHead) + sizeof(std::uint64_t);
    for (std::uint64_t at = 0; at < link.own_shape.capacity; at += link.own_shape.record_bytes(length))
      word_at(link.own.body(), at).store(RecordWord::pack(length, 0));
    while (!over) relax();
  }};
  {
    auto client = must(DoublerClient::connect(path_));
    EXPECT_TRUE(must(client.call(1, Deadline::after(30s))).is<Incoming<std::uint64_t>>());
    const auto called = client.call(2, Deadline::after(30s));
    ASSERT_FALSE(called.has_value());
    EXPECT_EQ(called.error().code(), EBADMSG);
    EXPECT_NE(called.error().message().find(path_), std::string::npos) << called.error().message();
  }
  over = true;
  serving.join();
}

}  // namespace
}  // namespace ginnel
