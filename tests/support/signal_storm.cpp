#include "support/signal_storm.hpp"

#include <atomic>
#include <cstdio>
#include <cstdlib>

namespace ginnel::test {
namespace {

std::atomic<long> handled_signals{0};

void count_signal(int) { handled_signals.fetch_add(1, std::memory_order_relaxed); }

void require(bool succeeded, const char* what) {
  if (succeeded) return;
  std::perror(what);
  std::abort();
}

}  // namespace

SignalStorm::SignalStorm() {
  struct sigaction action{};
  action.sa_handler = count_signal;  // sa_flags without SA_RESTART
  ::sigemptyset(&action.sa_mask);
  require(::sigaction(SIGALRM, &action, &previous_) == 0, "sigaction");

  sigevent event{};
  event.sigev_notify = SIGEV_SIGNAL;
  event.sigev_signo = SIGALRM;
  require(::timer_create(CLOCK_MONOTONIC, &event, &timer_) == 0, "timer_create");
  constexpr long period_ns = 100'000;
  const itimerspec every{.it_interval = {0, period_ns}, .it_value = {0, period_ns}};
  require(::timer_settime(timer_, 0, &every, nullptr) == 0, "timer_settime");
}

SignalStorm::~SignalStorm() {
  ::timer_delete(timer_);
  ::sigaction(SIGALRM, &previous_, nullptr);
}

long SignalStorm::handled() noexcept { return handled_signals.load(std::memory_order_relaxed); }

}  // namespace ginnel::test
