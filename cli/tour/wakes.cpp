#include <unistd.h>

#include <array>
#include <csignal>
#include <span>
#include <string>
#include <vector>

#include "ginnel/sys/eventfd.hpp"
#include "ginnel/sys/futex.hpp"
#include "ginnel/sys/signal.hpp"
#include "tour/shared_words.hpp"
#include "tour/stops.hpp"

// What wakes another process without carrying data: futexes, eventfds, signals.

namespace ginnel::cli::tour {
namespace {

/// Sleeps until the word has a value, as a futex is meant to be used: look, wait, look again.
void await_word(const FutexWord& word, std::uint32_t value, Deadline deadline) {
  for (std::uint32_t now = word.load(std::memory_order_acquire); now != value;
       now = word.load(std::memory_order_acquire))
    if (must(futex_wait(word, now, deadline)).is<TimedOut>()) throw Broken{"no wake-up came"};
}

void set_word(FutexWord& word, std::uint32_t value) {
  word.store(value, std::memory_order_release);
  (void)must(futex_wake(word, wake_all));
}

}  // namespace

void visit_futex(Visit& visit) {
  const auto memory = must(ReadWriteMapping::anonymous(Bytes{4096}));
  FutexWord& there = word_at(memory.bytes(), 0);
  FutexWord& back = word_at(memory.bytes(), 1);
  FutexWord& third = word_at(memory.bytes(), 2);
  visit.guarantee("no sleep when the word has changed already",
                  judge_outcome("a changed value", must(futex_wait(there, 1, patience())).is<ValueChanged>()));
  Partner partner{visit, [&](Line& line) {
                    line.wait_for_release();
                    set_word(third, 1);
                    for (std::uint32_t round = 1;; ++round) {
                      await_word(there, round, Deadline::never());
                      set_word(back, round);
                    }
                  }};
  const std::array waiters{FutexWaiter{&there, 0}, FutexWaiter{&back, 0}, FutexWaiter{&third, 0}};
  partner.release();
  const auto woken = must_be<Woken>(futex_wait_any(waiters, patience()));
  visit.guarantee("one of many words wakes, and which is told", judge_number("(the third)", 2, woken.index));
  std::uint32_t round = 0;
  visit.time_round_trips([&] {
    set_word(there, ++round);
    await_word(back, round, patience());
  });
  partner.kill();
  visit.at_peer_death("nobody is told: only a deadline ends the wait",
                      judge_is<TimedOut>(futex_wait(back, round, a_moment())));
}

void visit_eventfd(Visit& visit) {
  auto counter = must(Eventfd::create());
  auto units = must(Eventfd::create({.initial = 3, .semaphore = true}));
  auto there = must(Eventfd::create());
  auto back = must(Eventfd::create());
  Partner partner{visit, [&](Line& line) {
                    for (const std::uint64_t count : {1U, 2U, 39U}) (void)must_be<Done>(counter.add(count));
                    line.ready();
                    while (true) {
                      (void)must_be<EventCount>(there.take());
                      (void)must_be<Done>(back.add());
                    }
                  }};
  partner.wait_until_ready();
  visit.guarantee("no count lost", judge_number("counted", 42, must_be<EventCount>(counter.take(patience())).count));
  for (int i = 0; i < 3; ++i) (void)must_be<EventCount>(units.take(Deadline::immediately()));
  visit.guarantee("as a semaphore, one unit at a time", judge_is<TimedOut>(units.take(Deadline::immediately())));
  visit.time_round_trips([&] {
    (void)must_be<Done>(there.add(1, patience()));
    (void)must_be<EventCount>(back.take(patience()));
  });
  partner.kill();
  visit.at_peer_death("nobody is told: poll its pidfd too", judge_is<TimedOut>(back.take(a_moment())));
}

void visit_signals(Visit& visit) {
  constexpr int many = 100;
  const int queued = SIGRTMIN;
  const int ping = SIGRTMIN + 1;
  const int pong = SIGRTMIN + 2;
  const Process stop = must(Process::self());
  auto pongs = must(SignalReceiver::create({pong}));
  Partner partner{visit, [&](Line& line) {
                    auto received = must(SignalReceiver::create({queued, ping, SIGUSR1}));
                    line.ready();
                    line.wait_for_release();
                    // Standard signals come before real-time ones.
                    const auto merged = must_be<ReceivedSignal>(received.receive(patience()));
                    if (merged.number != SIGUSR1) throw Broken{"SIGUSR1 did not come first"};
                    for (int i = 0; i < many; ++i) {
                      const auto got = must_be<ReceivedSignal>(received.receive(patience()));
                      if (got.number != queued || got.value != i)
                        throw Broken{Untrue{"value " + std::to_string(i), std::to_string(got.value)}.to_string()};
                    }
                    (void)must_be<TimedOut>(received.receive(Deadline::immediately()));
                    line.ready();
                    while (true) {
                      const auto got = must_be<ReceivedSignal>(received.receive());
                      (void)must_be<Done>(send_signal(stop, pong, got.value));
                    }
                  }};
  partner.wait_until_ready();
  for (int i = 0; i < many; ++i) {
    (void)must_be<Done>(send_signal(partner.process(), queued, i));
    (void)must_be<Done>(partner.process().signal(SIGUSR1));
  }
  partner.release();
  partner.wait_until_ready();
  visit.guarantee("100 real-time signals arrive as 100, each with its value, in order", std::nullopt);
  visit.guarantee("100 SIGUSR1 merge into 1", std::nullopt);
  std::uint64_t round = 0;
  visit.time_round_trips([&] {
    (void)must_be<Done>(send_signal(partner.process(), ping, static_cast<int>(++round)));
    (void)must_be<ReceivedSignal>(pongs.receive(patience()));
  });
  partner.kill();
  visit.at_peer_death("the sender is told, a later owner of the pid never hit",
                      judge_is<PeerGone>(send_signal(partner.process(), ping)));
}

}  // namespace ginnel::cli::tour
