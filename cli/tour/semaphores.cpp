#include <array>
#include <memory>
#include <string>

#include "ginnel/sys/posix_semaphore.hpp"
#include "ginnel/sys/sysv_semaphore.hpp"
#include "tour/stops.hpp"

// Semaphores of both families, and what becomes of the unit that a killed process held.

namespace ginnel::cli::tour {

void visit_posix_semaphore(Visit& visit) {
  constexpr unsigned posts = 7;
  auto gate = must(PosixSemaphore::create(visit.names().object()));
  {
    Partner poster{visit, [&](Line&) {
                     auto same = must(PosixSemaphore::open(visit.names().object()));
                     for (unsigned i = 0; i < posts; ++i) must(same.post());
                   }};
    for (unsigned i = 0; i < posts; ++i) (void)must_be<Done>(gate.wait(patience()));
    poster.finish();
  }
  visit.guarantee("as many waits go through as posts, no more", judge_is<TimedOut>(gate.wait(Deadline::immediately())));

  const auto memory = std::make_shared<ReadWriteMapping>(must(ReadWriteMapping::anonymous(Bytes{4096})));
  constexpr std::size_t second = 64;
  auto there = must(PosixSemaphore::create_in(memory, 0, 0));
  auto back = must(PosixSemaphore::create_in(memory, second, 0));
  must(gate.post());
  Partner partner{visit, [&](Line& line) {
                    (void)must_be<Done>(gate.wait(patience()));
                    line.ready();
                    while (true) {
                      (void)must_be<Done>(there.wait());
                      must(back.post());
                    }
                  }};
  partner.wait_until_ready();
  visit.guarantee("by name, and unnamed in shared memory", std::nullopt);
  visit.time_round_trips([&] {
    must(there.post());
    (void)must_be<Done>(back.wait(patience()));
  });
  partner.kill();
  visit.at_peer_death("nobody is told; the unit that it held is lost", judge_is<TimedOut>(gate.wait(a_moment())));
}

void visit_sysv_semaphore(Visit& visit) {
  constexpr unsigned short gate = 0;
  constexpr unsigned short there = 1;
  constexpr unsigned short back = 2;
  auto set = must(SysvSemaphoreSet::create(visit.names().key(), std::array<unsigned short, 3>{1, 0, 0}));
  const auto step = [&](unsigned short index, short change, Deadline deadline) {
    return set.operate(std::array{SemaphoreStep{.index = index, .change = change}}, deadline);
  };
  const std::array both{SemaphoreStep{.index = gate, .change = -1}, SemaphoreStep{.index = there, .change = -1}};
  (void)must_be<TimedOut>(set.operate(both, Deadline::immediately()));
  visit.guarantee("several steps, all or none", judge_number("left in the first", 1, must(set.status(gate)).value));

  Partner partner{visit, [&](Line& line) {
                    auto same = must(SysvSemaphoreSet::open({.key = visit.names().key(), .id = std::nullopt}));
                    const SemaphoreStep take{.index = gate, .change = -1, .undo = true};
                    (void)must_be<Done>(same.operate(std::array{take}, patience()));
                    line.ready();
                    while (true) {
                      (void)must_be<Done>(step(there, -1, Deadline::never()));
                      (void)must_be<Done>(step(back, 1, Deadline::never()));
                    }
                  }};
  partner.wait_until_ready();
  visit.guarantee("what is taken is taken", judge_is<TimedOut>(step(gate, -1, Deadline::immediately())));
  visit.time_round_trips([&] {
    (void)must_be<Done>(step(there, 1, patience()));
    (void)must_be<Done>(step(back, -1, patience()));
  });
  partner.kill();
  visit.at_peer_death("the kernel gives back what it held (SEM_UNDO)", judge_is<Done>(step(gate, -1, patience())));
}

}  // namespace ginnel::cli::tour
