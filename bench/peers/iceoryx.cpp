// iceoryx: a publisher and a subscriber of untyped chunks at each end, and its daemon beside them.

#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <iceoryx_posh/popo/untyped_publisher.hpp>
#include <iceoryx_posh/popo/untyped_subscriber.hpp>
#include <iceoryx_posh/popo/wait_set.hpp>
#include <iceoryx_posh/runtime/posh_runtime.hpp>
#include <optional>

#include "peer.hpp"
#include "touch.hpp"

namespace ginnel::bench {
namespace {

iox::capro::ServiceDescription service_of(const std::string& name, bool of_first) {
  using Name = iox::capro::IdString_t;
  return {Name{"ginnel"}, Name{iox::cxx::TruncateToCapacity, name},
          Name{iox::cxx::TruncateToCapacity, std::string{of_first ? "first" : "second"}}};
}

iox::popo::PublisherOptions publisher_options() {
  iox::popo::PublisherOptions options;
  options.subscriberTooSlowPolicy = iox::popo::ConsumerTooSlowPolicy::WAIT_FOR_CONSUMER;
  return options;
}

iox::popo::SubscriberOptions subscriber_options() {
  iox::popo::SubscriberOptions options;
  options.queueCapacity = 16;
  options.queueFullPolicy = iox::popo::QueueFullPolicy::BLOCK_PRODUCER;
  return options;
}

class IceoryxEnd final : public PeerEnd {
 public:
  IceoryxEnd(const std::string& name, Side side, Wait wait)
      : out_{service_of(name, side == Side::first), publisher_options()},
        in_{service_of(name, side == Side::second), subscriber_options()} {
    while (!out_.hasSubscribers() || in_.getSubscriptionState() != iox::SubscribeState::SUBSCRIBED) ::sched_yield();
    if (wait == Wait::sleeping) {
      waits_.emplace();
      if (waits_->attachState(in_, iox::popo::SubscriberState::HAS_DATA).has_error())
        peer_failed("iceoryx: attachState");
    }
  }

  void send(std::size_t bytes) override {
    bool sent = false;
    while (!sent)
      out_.loan(static_cast<std::uint32_t>(bytes)).and_then([&](void* chunk) {
        write_all({static_cast<std::byte*>(chunk), bytes}, ++round_);
        out_.publish(chunk);
        sent = true;
      });
  }
  void receive(std::size_t bytes) override {
    bool got = false;
    while (!got) {
      in_.take().and_then([&](const void* chunk) {
        static_cast<void>(read_all({static_cast<const std::byte*>(chunk), bytes}));
        in_.release(chunk);
        got = true;
      });
      if (!got && waits_) static_cast<void>(waits_->wait());
    }
  }

 private:
  iox::popo::UntypedPublisher out_;
  iox::popo::UntypedSubscriber in_;
  std::optional<iox::popo::WaitSet<1>> waits_;
  std::uint64_t round_ = 0;
};

pid_t daemon = -1;

void start_daemon() {
  if (daemon >= 0) return;
  daemon = ::fork();
  if (daemon != 0) return;
  static_cast<void>(std::freopen("/dev/null", "w", stdout));
  ::execlp("iox-roudi", "iox-roudi", "--monitoring-mode", "off", "--log-level", "off", nullptr);
  std::_Exit(127);
}

void stop_daemon() {
  if (daemon < 0) return;
  ::kill(daemon, SIGTERM);
  ::waitpid(daemon, nullptr, 0);
  daemon = -1;
}

}  // namespace

Peer iceoryx_peer() {
  return {.name = "iceoryx",
          .longest = std::size_t{1} << 20U,
          .open = [](const std::string& name, Side side, Wait wait, std::size_t) -> std::unique_ptr<PeerEnd> {
            const auto own = "ginnel-bench-" + std::to_string(::getpid());
            iox::runtime::PoshRuntime::initRuntime(iox::RuntimeName_t{iox::cxx::TruncateToCapacity, own});
            return std::make_unique<IceoryxEnd>(name, side, wait);
          },
          .start = start_daemon,
          .stop = stop_daemon};
}

}  // namespace ginnel::bench
