// A service: clients ask for the way between two points, and one server answers them all.
//
//   planner serve /tmp/plan.sock &
//   planner ask   /tmp/plan.sock 3 4

#include <chrono>
#include <cmath>
#include <iostream>
#include <string>
#include <vector>

#include "ginnel/msg.hpp"

namespace {

using namespace std::chrono_literals;
using namespace ginnel;

struct Goal {
  static constexpr std::uint32_t message_version = 1;
  double x = 0;
  double y = 0;
};
struct Plan {
  static constexpr std::uint32_t message_version = 1;
  double length = 0;
};

int give_up(const Error& error) {
  std::cerr << "planner: " << error.message() << '\n';
  return 2;
}

int serve(const std::string& path) {
  auto service = Service<Goal, Plan>::listen(path);
  if (!service) return give_up(service.error());
  while (true) {
    auto next = service->next();
    if (!next) return give_up(next.error());
    if (const auto* away = next->get_if<TurnedAway>()) std::cerr << "planner: " << away->why.message() << '\n';
    auto* const request = next->get_if<Request<Goal, Plan>>();
    if (request == nullptr) continue;
    auto answered = request->answer({.length = std::hypot((*request)->x, (*request)->y)});
    if (!answered) std::cerr << "planner: " << answered.error().message() << '\n';
  }
}

int ask(const std::string& path, const Goal& goal) {
  auto client = Client<Goal, Plan>::connect(path);
  if (!client) return give_up(client.error());
  auto called = client->call(goal, Deadline::after(5s));
  if (!called) return give_up(called.error());
  if (const auto* plan = called->get_if<Incoming<Plan>>()) {
    std::cout << (**plan).length << '\n';
    return 0;
  }
  if (called->is<NotStarted>()) std::cerr << "planner: the server has not begun with it: ask again\n";
  if (called->is<MaybeExecuted>()) std::cerr << "planner: the server died at its work\n";
  if (called->is<TimedOut>()) std::cerr << "planner: no answer yet\n";
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words{argv + 1, argv + argc};
  if (words.size() == 2 && words[0] == "serve") return serve(words[1]);
  if (words.size() == 4 && words[0] == "ask")
    return ask(words[1], {.x = std::stod(words[2]), .y = std::stod(words[3])});
  std::cerr << "usage: planner serve PATH | planner ask PATH X Y\n";
  return 2;
}
