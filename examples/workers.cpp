// A queue of jobs: anybody hands in, any number of workers do them. Kill a worker at its work, and another gets its job.
//
//   workers hand-in jobs 5
//   workers work jobs &        # as many as there are processors
//   workers work jobs &

#include <chrono>
#include <cstdint>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include "ginnel/msg.hpp"

namespace {

using namespace std::chrono_literals;
using namespace ginnel;

struct Job {
  static constexpr std::uint32_t message_version = 1;
  std::uint64_t number = 0;
};

int give_up(const Error& error) {
  std::cerr << "workers: " << error.message() << '\n';
  return 2;
}

int hand_in(const std::string& name, std::uint64_t count) {
  auto jobs = Queue<Job>::open(name);
  if (!jobs) return give_up(jobs.error());
  for (std::uint64_t number = 1; number <= count; ++number) {
    auto pushed = jobs->push({.number = number});
    if (!pushed) return give_up(pushed.error());
  }
  return 0;
}

int work(const std::string& name) {
  auto jobs = Queue<Job>::open(name);
  if (!jobs) return give_up(jobs.error());
  while (true) {
    auto popped = jobs->pop(Deadline::after(1s));
    if (!popped) return give_up(popped.error());
    auto* const job = popped->get_if<Popped<Job>>();
    if (job == nullptr) return 0;  // nothing to do for a second
    std::cout << "job " << (*job)->number << (job->redelivered() ? ", begun before by one who died" : "") << std::endl;
    std::this_thread::sleep_for(50ms);
    job->ack();
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words{argv + 1, argv + argc};
  if (words.size() == 3 && words[0] == "hand-in") return hand_in(words[1], std::stoull(words[2]));
  if (words.size() == 2 && words[0] == "work") return work(words[1]);
  std::cerr << "usage: workers hand-in QUEUE COUNT | workers work QUEUE\n";
  return 2;
}
