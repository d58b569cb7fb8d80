#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <functional>
#include <map>
#include <random>
#include <string_view>
#include <vector>

#include "soak/ledger.hpp"

// 32 processes talk through a queue and a topic while one of them is killed every 10 ms, or stopped for a while, and begins again.
//
//   ginnel_soak [--seconds N] [--seed N]
//
// In rounds of five seconds; after each everybody comes to an end and the books are closed: every job that was pushed has been worked
// at, none came again after its acknowledgement or twice for the first time, no message was torn, doubled, out of its order, or
// missing without being told, no slot is lost, and queue and topic can be removed. It hangs, or ends with 1, when that is untrue.

namespace ginnel::soak {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto round_length = 5s;
constexpr auto between_kills = 10ms;
constexpr auto longest_stop = 60ms;

/// Here nothing is waited for: time passes between two disturbances.
void pass(std::chrono::milliseconds time) { ::poll(nullptr, 0, static_cast<int>(time.count())); }

using Part = std::function<void(Random)>;

class Crew {
 public:
  Crew(std::vector<Part> parts, Random& random) : parts_{std::move(parts)}, random_{random} {}

  void begin() {
    for (std::size_t part = 0; part < parts_.size(); ++part) start(part);
  }
  /// Kills one, and has another take its part; or stops one for a while.
  void disturb() {
    auto victim = living_.begin();
    std::advance(victim, static_cast<std::ptrdiff_t>(random_.below(living_.size())));
    const auto [pid, part] = *victim;
    if (random_.one_in(10)) {
      ::kill(pid, SIGSTOP);
      pass(std::chrono::milliseconds{random_.below(longest_stop / 1ms)});
      if (!random_.one_in(4)) {
        ::kill(pid, SIGCONT);
        return;
      }
    }
    ::kill(pid, SIGKILL);
    int status = 0;
    ::waitpid(pid, &status, 0);
    all_good_ = all_good_ && WIFSIGNALED(status);  // else it had ended by itself
    living_.erase(pid);
    ++kills_;
    start(part);
  }
  /// True when nobody has ended before, and all in good order.
  bool end() {
    bool good = all_good_;
    for (const auto& [pid, part] : living_) {
      int status = 0;
      ::waitpid(pid, &status, 0);
      good = good && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    }
    living_.clear();
    return good;
  }
  [[nodiscard]] long kills() const { return kills_; }

 private:
  void start(std::size_t part) {
    const Random own{random_.next()};
    const pid_t parent = ::getpid();
    const pid_t pid = ::fork();
    if (pid < 0) {
      std::perror("fork");
      std::exit(2);
    }
    if (pid == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (::getppid() != parent) ::_exit(2);
      int code = 0;
      try {
        parts_[part](own);
      } catch (const std::exception& error) {
        std::fprintf(stderr, "process %zu: %s\n", part, error.what());
        code = 1;
      }
      ::_exit(code);
    }
    living_.emplace(pid, part);
  }

  std::vector<Part> parts_;
  Random& random_;
  std::map<pid_t, std::size_t> living_;
  long kills_ = 0;
  bool all_good_ = true;
};

std::vector<Part> all_parts(Ledger& ledger) {
  std::vector<Part> parts;
  for (std::size_t i = 0; i < pushers; ++i)
    parts.emplace_back([&ledger, i](Random random) { push_jobs(ledger, i, random); });
  for (std::size_t i = 0; i < workers; ++i)
    parts.emplace_back([&ledger](Random random) { work_at_jobs(ledger, random); });
  for (std::uint32_t i = 0; i < writers; ++i)
    parts.emplace_back([&ledger, i](Random random) { publish_messages(ledger, i, random); });
  for (std::size_t i = 0; i < reliable_readers + lossy_readers; ++i)
    parts.emplace_back([&ledger, i](Random random) { read_messages(ledger, i < reliable_readers, random); });
  return parts;
}

Ledger& make_ledger() {
  void* const memory =
      ::mmap(nullptr, sizeof(Ledger), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) {
    std::perror("mmap");
    std::exit(2);
  }
  return *static_cast<Ledger*>(memory);  // all zero is a ledger in which nothing stands yet
}

int run(std::chrono::seconds length, std::uint64_t seed) {
  const std::string home = "/dev/shm/ginnel-soak-" + std::to_string(::getpid());
  std::filesystem::create_directory(home);
  std::filesystem::permissions(home, std::filesystem::perms::owner_all);
  ::setenv("GINNEL_HOME", home.c_str(), 1);
  Ledger& ledger = make_ledger();
  Random random{seed};
  Crew crew{all_parts(ledger), random};
  const auto end = Clock::now() + length;
  while (Clock::now() < end && ledger.contradictions.load() == 0) {
    ledger.is_ending.store(false);
    crew.begin();
    const auto round_end = std::min(end, Clock::now() + round_length);
    while (Clock::now() < round_end) {
      crew.disturb();
      pass(between_kills);
    }
    ledger.is_ending.store(true);
    if (!crew.end()) ledger.contradict("a process ended by itself, and not in good order");
    settle_jobs(ledger);
    settle_messages(ledger);
  }
  if (!std::filesystem::is_empty(home)) ledger.contradict("files are left in " + home);
  std::filesystem::remove_all(home);
  std::printf(
      "%ld killed; %llu jobs delivered, %llu of them again; %llu messages received; %llu contradictions (seed %llu)\n",
      crew.kills(), static_cast<unsigned long long>(ledger.deliveries.load()),
      static_cast<unsigned long long>(ledger.redeliveries.load()),
      static_cast<unsigned long long>(ledger.receptions.load()),
      static_cast<unsigned long long>(ledger.contradictions.load()), static_cast<unsigned long long>(seed));
  return ledger.contradictions.load() == 0 && ledger.redeliveries.load() > 0 ? 0 : 1;
}

}  // namespace
}  // namespace ginnel::soak

int main(int argc, char** argv) {
  long seconds = 60;
  std::uint64_t seed = std::random_device{}();
  for (int i = 1; i + 1 < argc; i += 2) {
    if (std::string_view{argv[i]} == "--seconds") seconds = std::strtol(argv[i + 1], nullptr, 10);
    if (std::string_view{argv[i]} == "--seed") seed = std::strtoull(argv[i + 1], nullptr, 10);
  }
  return ginnel::soak::run(std::chrono::seconds{seconds}, seed);
}
