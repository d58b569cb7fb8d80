// What somebody would write who wants to know what a mechanism costs, without ginnel: the least that goes there and back between two
// processes. The judge of `ginnel bench` (tests/harness/compare): its figures may not be worse.
//
//   minimal pipe|socketpair|futex|mq MILLISECONDS     prints the median round trip of 64 bytes, in nanoseconds

#include <linux/futex.h>
#include <mqueue.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
using Message = std::array<char, 64>;

struct Ends {
  std::function<void(Message&)> send;
  std::function<void(Message&)> receive;
};

void check(bool good, const char* what) {
  if (good) return;
  std::perror(what);
  std::_Exit(2);
}

void pin_to(int processor) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(processor, &set);
  check(::sched_setaffinity(0, sizeof set, &set) == 0, "sched_setaffinity");
}

Ends of_descriptors(int out, int in) {
  return {[out](Message& message) { check(::write(out, message.data(), message.size()) == 64, "write"); },
          [in](Message& message) { check(::read(in, message.data(), message.size()) == 64, "read"); }};
}

std::pair<Ends, Ends> pipes() {
  std::array<int, 2> there{};
  std::array<int, 2> back{};
  check(::pipe(there.data()) == 0 && ::pipe(back.data()) == 0, "pipe");
  return {of_descriptors(there[1], back[0]), of_descriptors(back[1], there[0])};
}

std::pair<Ends, Ends> sockets() {
  std::array<int, 2> ends{};
  check(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()) == 0, "socketpair");
  return {of_descriptors(ends[0], ends[0]), of_descriptors(ends[1], ends[1])};
}

struct Slot {
  alignas(128) std::atomic<std::uint32_t> word;
  alignas(128) Message message;
};

Ends of_slots(Slot* out, Slot* in) {
  return {[out](Message& message) {
            std::memcpy(out->message.data(), message.data(), message.size());
            out->word.fetch_add(1);
            ::syscall(SYS_futex, &out->word, FUTEX_WAKE, 1, nullptr, nullptr, 0);
          },
          [in, seen = 0U](Message& message) mutable {
            while (in->word.load() == seen) ::syscall(SYS_futex, &in->word, FUTEX_WAIT, seen, nullptr, nullptr, 0);
            ++seen;
            std::memcpy(message.data(), in->message.data(), message.size());
          }};
}

std::pair<Ends, Ends> futexes() {
  void* const memory = ::mmap(nullptr, 2 * sizeof(Slot), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  check(memory != MAP_FAILED, "mmap");
  auto* const slots = static_cast<Slot*>(memory);
  return {of_slots(&slots[0], &slots[1]), of_slots(&slots[1], &slots[0])};
}

mqd_t nameless_queue() {
  const std::string name = "/ginnel-minimal-" + std::to_string(::getpid());
  mq_attr shape{};
  shape.mq_maxmsg = 10;
  shape.mq_msgsize = 64;
  const mqd_t queue = ::mq_open(name.c_str(), O_RDWR | O_CREAT | O_EXCL, 0600, &shape);
  check(queue >= 0, "mq_open");
  ::mq_unlink(name.c_str());
  return queue;
}

Ends of_queues(mqd_t out, mqd_t in) {
  return {
      [out](Message& message) { check(::mq_send(out, message.data(), message.size(), 0) == 0, "mq_send"); },
      [in](Message& message) { check(::mq_receive(in, message.data(), message.size(), nullptr) == 64, "mq_receive"); }};
}

std::pair<Ends, Ends> queues() {
  const mqd_t there = nameless_queue();
  const mqd_t back = nameless_queue();
  return {of_queues(there, back), of_queues(back, there)};
}

double median_round_trip(Ends& ends, std::chrono::milliseconds span) {
  Message message{};
  for (int i = 0; i < 1000; ++i) {
    ends.send(message);
    ends.receive(message);
  }
  std::vector<double> taken;
  const auto end = Clock::now() + span;
  for (auto last = Clock::now(); last < end;) {
    ends.send(message);
    ends.receive(message);
    const auto now = Clock::now();
    taken.push_back(std::chrono::duration<double, std::nano>(now - last).count());
    last = now;
  }
  message[0] = 1;
  ends.send(message);
  std::ranges::nth_element(taken, taken.begin() + static_cast<std::ptrdiff_t>(taken.size() / 2));
  return taken[taken.size() / 2];
}

}  // namespace

int main(int count, char** words) {
  const std::string what = count == 3 ? words[1] : "";
  auto [first, second] = what == "pipe"         ? pipes()
                         : what == "socketpair" ? sockets()
                         : what == "futex"      ? futexes()
                         : what == "mq"         ? queues()
                                                : std::pair<Ends, Ends>{};
  if (!first.send) {
    std::fprintf(stderr, "usage: minimal pipe|socketpair|futex|mq MILLISECONDS\n");
    return 2;
  }
  const pid_t child = ::fork();
  check(child >= 0, "fork");
  if (child == 0) {
    pin_to(1);
    for (Message message{}; message[0] == 0; second.send(message)) second.receive(message);
    std::_Exit(0);
  }
  pin_to(0);
  const double ns = median_round_trip(first, std::chrono::milliseconds{std::atol(words[2])});
  std::printf("%.0f\n", ns);
  ::waitpid(child, nullptr, 0);
}
