#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <stdexcept>
#include <utility>
#include <vector>

#include "ginnel/msg/queue.hpp"
#include "soak/ledger.hpp"

namespace ginnel::soak {
namespace {

using namespace std::chrono_literals;

struct Job {
  std::uint64_t pusher = 0;
  std::uint64_t number = 0;
  std::array<std::uint64_t, 16> words{};
  std::uint64_t sum = 0;
};

constexpr std::uint32_t priorities = 3;
constexpr const char* queue_name = "soak";

Queue<Job> open_queue() {
  auto queue = Queue<Job>::open(queue_name, {.slots = 200, .priorities = priorities, .participants = 40});
  if (!queue) throw std::runtime_error{queue.error().message()};
  return std::move(*queue);
}

std::string name_of(const Job& job) {
  return "job " + std::to_string(job.number) + " of " + std::to_string(job.pusher);
}

void fill(Job& job, std::size_t pusher, std::uint64_t number, Random& random) {
  job.pusher = pusher;
  job.number = number;
  for (std::uint64_t& word : job.words) word = random.next();
  job.sum = checksum(job.words, number);
}

/// The numbers of each pusher in each priority, in the order in which one worker sees them.
class Order {
 public:
  [[nodiscard]] bool is_kept_by(const Job& job, std::uint32_t priority) {
    std::uint64_t& next = next_.at(job.pusher).at(priority);
    const bool kept = job.number >= next;
    next = job.number + 1;
    return kept;
  }

 private:
  std::array<std::array<std::uint64_t, priorities>, pushers> next_{};
};

/// Nobody may know of this job what it contradicts. True when it is a job.
bool check(Ledger& ledger, const Popped<Job>& popped, Order& order) {
  const Job& job = *popped;
  if (job.pusher >= pushers || job.number >= numbers_of_pusher || job.sum != checksum(job.words, job.number)) {
    ledger.contradict("a torn job");
    return false;
  }
  auto& events = ledger.events.at(job.pusher).at(job.number);
  if (!popped.redelivered()) {
    if ((events.fetch_or(delivered) & delivered) != 0)
      ledger.contradict(name_of(job) + " came twice as if for the first time");
    if (!order.is_kept_by(job, popped.priority())) ledger.contradict(name_of(job) + " came out of its order");
  } else {
    ledger.redeliveries.fetch_add(1);
  }
  if ((events.load() & acknowledged) != 0) ledger.contradict(name_of(job) + " came again after its end");
  return true;
}

void finish(Ledger& ledger, Popped<Job>& popped) {
  auto& events = ledger.events.at(popped->pusher).at(popped->number);
  events.fetch_or(worked);
  if (!popped.ack()) {
    ledger.contradict("what was held could not be acknowledged");
    return;
  }
  events.fetch_or(acknowledged);
}

/// A child that only ends, with its copy of everything.
void fork_in_the_middle() {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  if (child > 0) ::waitpid(child, nullptr, 0);
}

}  // namespace

void push_jobs(Ledger& ledger, std::size_t pusher, Random random) {
  auto queue = open_queue();
  while (!ledger.is_ending.load()) {
    // Counted before it is pushed: one who is killed in between leaves a number that may come or not.
    const std::uint64_t number = ledger.next_number.at(pusher).fetch_add(1);
    if (number >= numbers_of_pusher) return;
    const auto priority = static_cast<std::uint32_t>(random.below(priorities));
    if (random.one_in(8)) {
      auto loan = queue.loan(Deadline::after(20ms));
      if (!loan) throw std::runtime_error{loan.error().message()};
      auto* const slot = loan->get_if<QueueLoan<Job>>();
      if (slot == nullptr || random.one_in(4)) continue;  // dropped
      fill(**slot, pusher, number, random);
      if (auto done = std::move(*slot).push(priority); !done) throw std::runtime_error{done.error().message()};
    } else {
      Job job;
      fill(job, pusher, number, random);
      const auto done = queue.push(job, priority, Deadline::after(20ms));
      if (!done) throw std::runtime_error{done.error().message()};
      if (!done->is<Done>()) continue;
    }
    ledger.events.at(pusher).at(number).fetch_or(pushed);
    if (random.one_in(4096)) fork_in_the_middle();
  }
}

void work_at_jobs(Ledger& ledger, Random random) {
  auto queue = open_queue();
  Order order;
  std::vector<Popped<Job>> held;
  while (true) {
    auto got = queue.pop(Deadline::after(20ms));
    if (!got) throw std::runtime_error{got.error().message()};
    if (auto* const popped = got->get_if<Popped<Job>>()) {
      ledger.deliveries.fetch_add(1);
      if (check(ledger, *popped, order)) held.push_back(std::move(*popped));
    } else if (ledger.is_ending.load()) {
      return;
    }
    if (random.one_in(4096)) fork_in_the_middle();
    if (random.one_in(3)) continue;
    for (Popped<Job>& popped : held) {
      if (random.one_in(32))
        static_cast<void>(popped.give_back());
      else if (!random.one_in(32))
        finish(ledger, popped);
    }
    held.clear();  // which gives back what was not finished
  }
}

void settle_jobs(Ledger& ledger) {
  {
    auto queue = open_queue();
    Order order;
    while (true) {
      auto got = queue.pop(Deadline::after(150ms));
      if (!got) throw std::runtime_error{got.error().message()};
      auto* const popped = got->get_if<Popped<Job>>();
      if (popped == nullptr) break;
      if (check(ledger, *popped, order)) finish(ledger, *popped);
    }
    const QueueCounts counts = queue.counts();
    if (counts.queued + counts.held > 0)
      ledger.contradict(std::to_string(counts.queued) + " slots queued and " + std::to_string(counts.held) +
                        " held in an empty queue");
  }
  for (std::size_t pusher = 0; pusher < pushers; ++pusher)
    for (std::uint64_t number = 0; number < ledger.next_number.at(pusher).load() && number < numbers_of_pusher;
         ++number) {
      const std::uint8_t events = ledger.events.at(pusher).at(number).exchange(0);
      if ((events & pushed) != 0 && (events & worked) == 0)
        ledger.contradict("job " + std::to_string(number) + " of " + std::to_string(pusher) + " was lost");
    }
  for (auto& next : ledger.next_number) next.store(0);
  const auto removed = remove_queue(queue_name);
  if (!removed) ledger.contradict(removed.error().message());
}

}  // namespace ginnel::soak
