#include "hostile/trial.hpp"

#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <functional>
#include <new>
#include <vector>

namespace ginnel::hostile {
namespace {

using namespace std::chrono_literals;
using Clock = Deadline::Clock;

constexpr auto between_looks = 10ms;
constexpr int good_end = 0;
constexpr int bad_end = 1;

void give_up(const char* what) {
  std::perror(what);
  std::exit(2);
}

pid_t begin(const std::function<void()>& body) {
  std::fflush(nullptr);
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) give_up("fork");
  if (pid > 0) return pid;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(bad_end);
  int code = good_end;
  try {
    body();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    code = bad_end;
  }
  std::fflush(nullptr);
  ::_exit(code);
}

int collect(pid_t pid, int options = 0) {
  int status = 0;
  while (true) {
    const pid_t got = ::waitpid(pid, &status, options);
    if (got == pid) return status;
    if (got == 0) return -1;
    if (errno != EINTR) give_up("waitpid");
  }
}

/// In the victim's process, with the two others as its children.
void play(const Victim& victim, Scene scene, std::uint64_t seed) {
  Random random{seed};
  const Random of_victim{random.next()};
  const Random of_attacker{random.next()};
  const pid_t attacker = begin([&] { victim.attack(scene, of_attacker); });
  scene.attacker = attacker;
  std::vector<pid_t> others{attacker};
  if (victim.befriend != nullptr) others.push_back(begin([&] { victim.befriend(scene); }));
  victim.suffer(scene, of_victim);
  for (const pid_t other : others) {
    const bool had_ended = collect(other, WNOHANG) >= 0;
    if (had_ended) {
      scene.ledger.contradict(other == attacker ? "the hostile peer has ended by itself" : "the honest one has ended");
      continue;
    }
    ::kill(other, SIGKILL);
    collect(other);
  }
}

/// Waits for the victim's end, which it is told when it is time, and ends it where it hangs.
int watch(pid_t victim, Ledger& ledger, const Trial& trial) {
  auto end = Clock::now() + trial.length;
  while (true) {
    if (const int status = collect(victim, WNOHANG); status >= 0) return status;
    const auto now = Clock::now();
    if (trial.ends_with_first_contradiction && ledger.contradictions.load() != 0) end = std::min(end, now);
    if (now >= end) ledger.is_ending.store(true);
    const std::int64_t due = ledger.back_by_ns.load();
    const bool hangs = due != 0 && std::chrono::nanoseconds{now - Clock::time_point{}}.count() > due;
    if (hangs || now > end + 3 * trial.margin) {
      ledger.contradict(std::string{hangs ? "it hangs in: " : "it does not end; the last thing that it did: "} +
                        ledger.operation.load());
      ::kill(victim, SIGABRT);
      return collect(victim);
    }
    ::poll(nullptr, 0, static_cast<int>(between_looks / 1ms));
  }
}

class Home {
 public:
  Home() {
    std::string pattern = "/dev/shm/ginnel-hostile-XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) give_up("mkdtemp");
    path_ = pattern;
    ::setenv("GINNEL_HOME", path_.c_str(), 1);
  }
  Home(const Home&) = delete;
  Home& operator=(const Home&) = delete;
  ~Home() { std::filesystem::remove_all(path_); }
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  std::string path_;
};

Ledger& make_ledger(const Trial& trial) {
  void* const memory = ::mmap(nullptr, sizeof(Ledger), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) give_up("mmap");
  auto& ledger = *new (memory) Ledger{};
  ledger.margin = trial.margin;
  ledger.is_quiet = trial.ends_with_first_contradiction;
  ledger.operation.store("nothing yet");
  return ledger;
}

}  // namespace

Account try_victim(const Victim& victim, const Trial& trial) {
  const Home home;
  Ledger& ledger = make_ledger(trial);
  const Scene scene{.ledger = ledger, .home = home.path(), .attacker = 0};
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);  // of the victim's children, should it die
  const pid_t process = begin([&] { play(victim, scene, trial.seed); });
  const int status = watch(process, ledger, trial);
  while (::waitpid(-1, nullptr, 0) > 0 || errno == EINTR) {
  }
  if (WIFSIGNALED(status))
    ledger.contradict("the victim was ended by signal " + std::to_string(WTERMSIG(status)) +
                      "; the last thing that it did: " + ledger.operation.load());
  else if (WEXITSTATUS(status) != good_end)
    ledger.contradict("the victim ended with " + std::to_string(WEXITSTATUS(status)));
  if (victim.befriend != nullptr && ledger.exchanges.load() == 0)
    ledger.contradict("nothing was exchanged with the honest peer");
  if (ledger.links.load() == 0) ledger.contradict("nobody was hostile");
  const Account account{.contradictions = ledger.contradictions.load(),
                        .links = ledger.links.load(),
                        .writes = ledger.writes.load(),
                        .operations = ledger.operations.load(),
                        .messages = ledger.messages.load(),
                        .refusals = ledger.refusals.load(),
                        .exchanges = ledger.exchanges.load(),
                        .latest_ms = static_cast<double>(ledger.latest_ns.load()) / 1e6};
  ::munmap(&ledger, sizeof ledger);
  return account;
}

}  // namespace ginnel::hostile
