// Two of Boost.Interprocess's message_queue, one each way.

#include <algorithm>
#include <boost/interprocess/ipc/message_queue.hpp>

#include "peer.hpp"
#include "touch.hpp"

namespace ginnel::bench {
namespace {

using Queue = boost::interprocess::message_queue;

std::string queue_name(const std::string& name, bool of_first) { return name + (of_first ? ".1" : ".2"); }

class BoostQueueEnd final : public PeerEnd {
 public:
  BoostQueueEnd(const std::string& name, Side side, Wait wait, std::size_t bytes)
      : polls_{wait == Wait::polling},
        out_{boost::interprocess::open_or_create, queue_name(name, side == Side::first).c_str(), depth(bytes), bytes},
        in_{boost::interprocess::open_or_create, queue_name(name, side == Side::second).c_str(), depth(bytes), bytes},
        buffer_(bytes) {}

  void send(std::size_t bytes) override {
    write_all({buffer_.data(), bytes}, ++round_);
    if (!polls_) return out_.send(buffer_.data(), bytes, 0);
    while (!out_.try_send(buffer_.data(), bytes, 0)) {
    }
  }
  void receive(std::size_t bytes) override {
    Queue::size_type got = 0;
    unsigned priority = 0;
    if (!polls_)
      in_.receive(buffer_.data(), buffer_.size(), got, priority);
    else
      while (!in_.try_receive(buffer_.data(), buffer_.size(), got, priority)) {
      }
    static_cast<void>(read_all({buffer_.data(), bytes}));
  }

 private:
  static std::size_t depth(std::size_t bytes) {
    return std::clamp<std::size_t>((std::size_t{8} << 20U) / bytes, 8, 1024);
  }
  bool polls_;
  Queue out_;
  Queue in_;
  std::vector<std::byte> buffer_;
  std::uint64_t round_ = 0;
};

}  // namespace

Peer boost_queue_peer() {
  return {.name = "Boost message_queue",
          .longest = std::size_t{1} << 20U,
          .open = [](const std::string& name, Side side, Wait wait, std::size_t bytes) -> std::unique_ptr<PeerEnd> {
            return std::make_unique<BoostQueueEnd>(name, side, wait, bytes);
          },
          .remove =
              [](const std::string& name) {
                Queue::remove(queue_name(name, true).c_str());
                Queue::remove(queue_name(name, false).c_str());
              }};
}

}  // namespace ginnel::bench
