// A state that one process sets and any number of others look at: they see what it is now, and nobody waits for anybody.
//
//   state set robot/state 12.5 &
//   state show robot/state

#include <chrono>
#include <iostream>
#include <string>
#include <vector>

#include "ginnel/msg.hpp"

namespace {

using namespace std::chrono_literals;
using namespace ginnel;

struct State {
  static constexpr std::uint32_t message_version = 1;
  double battery_volts = 0;
};

int give_up(const Error& error) {
  std::cerr << "state: " << error.message() << '\n';
  return 2;
}

int set(const std::string& name, double volts) {
  auto state = LatestWriter<State>::create(name);
  if (!state) return give_up(state.error());
  auto done = state->set({.battery_volts = volts});
  return done ? 0 : give_up(done.error());
}

int show(const std::string& name) {
  auto state = LatestReader<State>::open(name);
  if (!state) return give_up(state.error());
  auto now = state->get();
  if (!now) return give_up(now.error());
  const auto* const value = now->get_if<Sample<State>>();
  if (value == nullptr) {
    std::cout << "nobody has set it yet\n";
    return 1;
  }
  std::cout << (*value)->battery_volts << " V\n";  // read where it lies
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words{argv + 1, argv + argc};
  if (words.size() == 3 && words[0] == "set") return set(words[1], std::stod(words[2]));
  if (words.size() == 2 && words[0] == "show") return show(words[1]);
  std::cerr << "usage: state set NAME VOLTS | state show NAME\n";
  return 2;
}
