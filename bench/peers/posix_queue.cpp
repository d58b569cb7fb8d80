// Two POSIX message queues, one each way.

#include <fcntl.h>
#include <mqueue.h>
#include <sched.h>

#include <cerrno>

#include "peer.hpp"
#include "touch.hpp"

namespace ginnel::bench {
namespace {

constexpr long messages = 10;  // fs.mqueue.msg_max, where nobody has raised it

std::string queue_name(const std::string& name, bool of_first) { return "/" + name + (of_first ? ".1" : ".2"); }

mqd_t opened(const std::string& name, int access, Wait wait, std::size_t bytes) {
  mq_attr attributes{};
  attributes.mq_maxmsg = messages;
  attributes.mq_msgsize = static_cast<long>(bytes);
  const int flags = access | O_CREAT | O_CLOEXEC | (wait == Wait::polling ? O_NONBLOCK : 0);
  const mqd_t queue = ::mq_open(name.c_str(), flags, 0600, &attributes);
  if (queue < 0) peer_failed("mq_open");
  return queue;
}

class PosixQueueEnd final : public PeerEnd {
 public:
  PosixQueueEnd(const std::string& name, Side side, Wait wait, std::size_t bytes)
      : out_{opened(queue_name(name, side == Side::first), O_WRONLY, wait, bytes)},
        in_{opened(queue_name(name, side == Side::second), O_RDONLY, wait, bytes)},
        buffer_(bytes) {}
  ~PosixQueueEnd() override {
    ::mq_close(out_);
    ::mq_close(in_);
  }

  void send(std::size_t bytes) override {
    write_all({buffer_.data(), bytes}, ++round_);
    while (::mq_send(out_, reinterpret_cast<const char*>(buffer_.data()), bytes, 0) < 0)
      if (errno != EAGAIN) peer_failed("mq_send");
  }
  void receive(std::size_t bytes) override {
    while (::mq_receive(in_, reinterpret_cast<char*>(buffer_.data()), buffer_.size(), nullptr) < 0)
      if (errno != EAGAIN) peer_failed("mq_receive");
    static_cast<void>(read_all({buffer_.data(), bytes}));
  }

 private:
  mqd_t out_;
  mqd_t in_;
  std::vector<std::byte> buffer_;
  std::uint64_t round_ = 0;
};

}  // namespace

Peer posix_queue_peer() {
  return {.name = "POSIX mq",
          .longest = 8192,  // fs.mqueue.msgsize_max, where nobody has raised it
          .open = [](const std::string& name, Side side, Wait wait, std::size_t bytes) -> std::unique_ptr<PeerEnd> {
            return std::make_unique<PosixQueueEnd>(name, side, wait, bytes);
          },
          .remove =
              [](const std::string& name) {
                ::mq_unlink(queue_name(name, true).c_str());
                ::mq_unlink(queue_name(name, false).c_str());
              }};
}

}  // namespace ginnel::bench
