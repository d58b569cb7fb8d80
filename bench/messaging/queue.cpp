#include <memory>

#include "ginnel/msg.hpp"
#include "groups.hpp"

namespace ginnel::bench {
namespace {

using T = Payload<64>;
const std::string name = "bench";

/// One pushes, one pops and acknowledges.
Figure one_to_one(std::string what, Waiting waiting, std::uint32_t times) {
  const QueueOptions options{.slots = 1024, .waiting = waiting};
  return {.what = std::move(what),
          .unit = Unit::rate,
          .times = times,
          .other = [=]() -> Act {
            auto queue = std::make_shared<Queue<T>>(must(Queue<T>::open(name, options)));
            return [queue](std::uint32_t messages) {
              const T message{};
              for (std::uint32_t i = 0; i < messages; ++i) static_cast<void>(queue->push(message));
            };
          },
          .own = [=]() -> Act {
            auto queue = std::make_shared<Queue<T>>(must(Queue<T>::open(name, options)));
            return [queue](std::uint32_t messages) {
              for (std::uint32_t i = 0; i < messages; ++i) {
                auto popped = must(queue->pop());
                auto& message = popped.template as<Popped<T>>();
                const T copy = *message;
                use(copy);
                message.ack();
              }
            };
          },
          .clean_up = [] { static_cast<void>(remove_queue(name)); }};
}

}  // namespace

std::vector<Figure> queue_figures() {
  return {one_to_one("queue, push and pop, polling, 64 B", Waiting::polling, 5'000),
          one_to_one("queue, push and pop, adaptive, 64 B", Waiting::adaptive, 5'000)};
}

}  // namespace ginnel::bench
