// Two processes and a topic: one publishes where it is, any number of others follow.
//
//   pose publish robot/pose &
//   pose follow  robot/pose

#include <chrono>
#include <cstdint>
#include <iostream>
#include <string>
#include <vector>

#include "ginnel/msg.hpp"

namespace {

using namespace std::chrono_literals;
using namespace ginnel;

struct Pose {
  static constexpr std::uint32_t message_version = 1;
  double x = 0;
  double y = 0;
};

int give_up(const Error& error) {
  std::cerr << "pose: " << error.message() << '\n';
  return 2;
}

int publish(const std::string& topic) {
  auto publisher = Publisher<Pose>::create(topic);
  if (!publisher) return give_up(publisher.error());
  auto read = publisher->wait_for_reader(Deadline::after(10s));
  if (!read) return give_up(read.error());
  for (int step = 0; step < 5; ++step) {
    auto published = publisher->publish({.x = step * 1.0, .y = step * 0.5});
    if (!published) return give_up(published.error());
  }
  return 0;
}

int follow(const std::string& topic) {
  auto subscriber = Subscriber<Pose>::open(topic);
  if (!subscriber) return give_up(subscriber.error());
  while (true) {
    auto received = subscriber->receive(Deadline::after(10s));
    if (!received) return give_up(received.error());
    if (const auto* pose = received->get_if<Sample<Pose>>()) {
      std::cout << (*pose)->x << ' ' << (*pose)->y << '\n';  // read where it lies
      continue;
    }
    return received->is<WriterGone>() ? 0 : 1;
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words{argv + 1, argv + argc};
  if (words.size() == 2 && words[0] == "publish") return publish(words[1]);
  if (words.size() == 2 && words[0] == "follow") return follow(words[1]);
  std::cerr << "usage: pose publish TOPIC | pose follow TOPIC\n";
  return 2;
}
