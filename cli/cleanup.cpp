#include "cleanup.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <climits>
#include <csignal>
#include <cstring>

namespace ginnel::cli {
namespace {

struct Slot {
  std::atomic<bool> armed{false};  // set last, cleared first: the handler sees whole slots only
  std::array<char, PATH_MAX> path{};
  dev_t device = 0;
  ino_t inode = 0;
};

constexpr std::size_t slot_count = 8;
constexpr std::size_t no_slot = slot_count;
std::array<Slot, slot_count> slots;

/// Async-signal-safe throughout.
void remove_paths_and_end(int signal_number) {
  remove_registered_paths();
  // The disposition went back to the default with SA_RESETHAND: the shell is to see which signal it was.
  ::raise(signal_number);
}

}  // namespace

void remove_registered_paths() noexcept {
  for (Slot& slot : slots) {
    if (!slot.armed.exchange(false)) continue;
    struct stat now{};
    if (::lstat(slot.path.data(), &now) == 0 && now.st_dev == slot.device && now.st_ino == slot.inode)
      ::unlink(slot.path.data());
  }
}

void have_file_size_limit_told() {
  if (is_ignored(SIGXFSZ)) return;
  struct sigaction action{};
  action.sa_handler = [](int) {};
  action.sa_flags = static_cast<int>(SA_RESTART);
  ::sigemptyset(&action.sa_mask);
  ::sigaction(SIGXFSZ, &action, nullptr);
}

std::vector<int> ending_signals() {
  std::vector<int> all{SIGHUP,  SIGINT,  SIGQUIT, SIGPIPE, SIGALRM,   SIGTERM,   SIGUSR1,
                       SIGUSR2, SIGPOLL, SIGPROF, SIGPWR,  SIGSTKFLT, SIGVTALRM, SIGXCPU};
  for (int number = SIGRTMIN; number <= SIGRTMAX; ++number) all.push_back(number);
  return all;
}

void install_cleanup_on_signals() {
  for (const int signal_number : ending_signals()) {
    if (is_ignored(signal_number)) continue;
    struct sigaction action{};
    action.sa_handler = remove_paths_and_end;
    action.sa_flags = static_cast<int>(SA_RESETHAND);
    ::sigemptyset(&action.sa_mask);
    ::sigaction(signal_number, &action, nullptr);
  }
}

bool is_ignored(int signal_number) noexcept {
  struct sigaction now{};
  return ::sigaction(signal_number, nullptr, &now) == 0 && now.sa_handler == SIG_IGN;
}

PathToRemove::PathToRemove(const std::string& path) noexcept : slot_{no_slot} {
  struct stat status{};
  if (path.empty() || path.size() >= PATH_MAX || ::lstat(path.c_str(), &status) < 0) return;
  for (std::size_t i = 0; i < slots.size(); ++i) {
    if (slots[i].armed.load()) continue;
    std::memcpy(slots[i].path.data(), path.c_str(), path.size() + 1);
    slots[i].device = status.st_dev;
    slots[i].inode = status.st_ino;
    slots[i].armed.store(true);
    slot_ = i;
    return;
  }
}

PathToRemove::~PathToRemove() {
  if (slot_ != no_slot) slots[slot_].armed.store(false);
}

}  // namespace ginnel::cli
