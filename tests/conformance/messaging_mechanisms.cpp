#include <sys/syscall.h>
#include <unistd.h>

#include <filesystem>

#include "conformance/mechanism.hpp"
#include "ginnel/msg/queue.hpp"
#include "ginnel/msg/topic.hpp"

// Messaging in shared memory. A handle is for the process that opened it: each process opens its own when it says what it is.

namespace ginnel::test {
namespace {

/// A directory for the objects of one test, removed by the process that made it.
class Home {
 public:
  Home() {
    std::filesystem::create_directory(path_);
    std::filesystem::permissions(path_, std::filesystem::perms::owner_all);
  }
  Home(const Home&) = delete;
  Home& operator=(const Home&) = delete;
  ~Home() {
    if (::getpid() == maker_) std::filesystem::remove_all(path_);
  }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_ = "/dev/shm" + unique_name();
  pid_t maker_ = ::getpid();
};

/// A handle of this process, opened when it is first used; a copy that fork(2) made is another's, and is let go.
template <class Handle>
class OwnHandle {
 public:
  template <class Open>
  [[nodiscard]] Result<Handle*> get(const Open& open) {
    if (handle_ && owner_ == ::getpid()) return &*handle_;
    auto opened = open();
    if (!opened) return std::unexpected{opened.error()};
    handle_.emplace(std::move(*opened));
    owner_ = ::getpid();
    return &*handle_;
  }
  void let_go() { handle_.reset(); }

 private:
  std::optional<Handle> handle_;
  pid_t owner_ = 0;
};

/// The maker reads it until it says that it sends.
class TopicMessages : public Mechanism {
 public:
  TopicMessages() { static_cast<void>(subscriber()); }
  [[nodiscard]] Traits traits() const override {
    return {
        .largest = largest, .refusal = Refusal{.told_limit = largest}, .tells_receiver = true, .waits_in = SYS_futex};
  }
  void be_sender() override {
    ASSERT_TRUE(publisher());
    subscriber_.let_go();
  }
  void be_receiver() override { ASSERT_TRUE(subscriber()); }
  [[nodiscard]] SendResult send(std::span<const std::byte> message, Deadline deadline) override {
    auto out = publisher();
    if (!out) return std::unexpected{out.error()};
    auto published = (*out)->publish(message, deadline);
    if (!published) return std::unexpected{published.error()};
    if (published->is<TimedOut>()) return TimedOut{};
    return Done{};
  }
  [[nodiscard]] ReceiveResult receive(Deadline deadline) override {
    auto in = subscriber();
    if (!in) return std::unexpected{in.error()};
    auto got = (*in)->receive(deadline);
    if (!got) return std::unexpected{got.error()};
    if (got->is<TimedOut>()) return TimedOut{};
    if (got->is<WriterGone>()) return EndOfStream{};
    const std::span<const std::byte> bytes = *got->as<Sample<std::byte[]>>();
    return Bytestring{bytes.begin(), bytes.end()};
  }

 private:
  static constexpr Bytes capacity = Bytes::kib(64);
  static constexpr std::size_t largest = capacity.count() / 4 - 8;
  [[nodiscard]] Result<Publisher<std::byte[]>*> publisher() {
    return publisher_.get(
        [&] { return Publisher<std::byte[]>::create("tested", {.capacity = capacity, .home = home_.path()}); });
  }
  [[nodiscard]] Result<Subscriber<std::byte[]>*> subscriber() {
    return subscriber_.get([&] { return Subscriber<std::byte[]>::open("tested", {.home = home_.path()}); });
  }
  Home home_;
  OwnHandle<Publisher<std::byte[]>> publisher_;
  OwnHandle<Subscriber<std::byte[]>> subscriber_;
};

/// It lives on whoever dies: nobody is told.
class QueueMessages : public Mechanism {
 public:
  QueueMessages() { static_cast<void>(queue()); }
  [[nodiscard]] Traits traits() const override {
    return {.largest = message_size, .refusal = Refusal{.told_limit = message_size}};
  }
  void be_sender() override { ASSERT_TRUE(queue()); }
  void be_receiver() override { ASSERT_TRUE(queue()); }
  [[nodiscard]] SendResult send(std::span<const std::byte> message, Deadline deadline) override {
    auto own = queue();
    if (!own) return std::unexpected{own.error()};
    auto pushed = (*own)->push(message, 0, deadline);
    if (!pushed) return std::unexpected{pushed.error()};
    if (pushed->is<TimedOut>()) return TimedOut{};
    return Done{};
  }
  [[nodiscard]] ReceiveResult receive(Deadline deadline) override {
    auto own = queue();
    if (!own) return std::unexpected{own.error()};
    auto got = (*own)->pop(deadline);
    if (!got) return std::unexpected{got.error()};
    if (got->is<TimedOut>()) return TimedOut{};
    auto& popped = got->as<Popped<std::byte[]>>();
    const std::span<const std::byte> bytes = *popped;
    Bytestring message{bytes.begin(), bytes.end()};
    EXPECT_TRUE(popped.ack());
    return message;
  }

 private:
  static constexpr std::size_t message_size = 5000;
  [[nodiscard]] Result<Queue<std::byte[]>*> queue() {
    return queue_.get([&] {
      return Queue<std::byte[]>::open("tested",
                                      {.slots = 8, .message_size = Bytes{message_size}, .home = home_.path()});
    });
  }
  Home home_;
  OwnHandle<Queue<std::byte[]>> queue_;
};

GINNEL_INSTANTIATE_CONFORMANCE(Messaging, MechanismCase{"Topic", [] { return std::make_unique<TopicMessages>(); }},
                               MechanismCase{"Queue", [] { return std::make_unique<QueueMessages>(); }});

}  // namespace
}  // namespace ginnel::test
