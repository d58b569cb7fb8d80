#include "ginnel/sys/relay.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <span>
#include <utility>

#include "ginnel/sys/io.hpp"
#include "pump.hpp"
#include "sigpipe.hpp"
#include "system_call.hpp"

namespace ginnel {
namespace {

/// What a pump lacks, for poll(2). While it waits for input its output is watched too: that nobody reads there any more
/// (POLLERR, POLLHUP) ends it without a byte having to be lost for it.
std::array<pollfd, 2> lacking(const Pump& pump) {
  switch (pump.state()) {
    case Pump::State::needs_input:
      return {{{.fd = pump.input(), .events = POLLIN, .revents = 0}, {.fd = pump.output(), .events = 0, .revents = 0}}};
    case Pump::State::needs_output:
      return {{{.fd = -1, .events = 0, .revents = 0}, {.fd = pump.output(), .events = POLLOUT, .revents = 0}}};
    case Pump::State::moved:
    case Pump::State::ended:
      break;
  }
  return {{{.fd = -1, .events = 0, .revents = 0}, {.fd = -1, .events = 0, .revents = 0}}};
}

void heed(Pump& pump, std::span<const pollfd, 2> found) {
  const bool input_is_silent = found[0].revents == 0;
  const bool output_is_gone = (found[1].revents & (POLLERR | POLLHUP)) != 0;
  if (pump.state() == Pump::State::needs_input && input_is_silent && output_is_gone)
    pump.end(RelayReport::End::peer_gone);
}

/// False when the deadline passed first.
Result<bool> wait_for(std::span<pollfd> lacks, Deadline deadline) {
  while (true) {
    const RemainingTime remaining{deadline};
    const int ready = ::ppoll(lacks.data(), lacks.size(), remaining.get(), nullptr);
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return std::unexpected{Error::last("ppoll", "a relay")};
    if (deadline.passed()) return false;
  }
}

/// Deadline::immediately() moves all that can be moved without a wait; any other one also ends a stream that never pauses.
bool over(Deadline deadline) { return !deadline.is_immediate() && deadline.passed(); }

}  // namespace

Result<RelayReport> relay(int input, int output, RelayOptions options, Deadline deadline) {
  SigpipeHeldBack sigpipe;
  Pump pump{input, output, options, deadline.is_never()};
  while (true) {
    auto state = pump.step();
    if (pump.sigpipe_raised()) sigpipe.raised();
    if (!state) return std::unexpected{state.error()};
    if (*state == Pump::State::needs_input || *state == Pump::State::needs_output) {
      auto lacks = lacking(pump);
      auto ready = wait_for(lacks, deadline);
      if (!ready) return std::unexpected{ready.error()};
      if (!*ready) pump.end(RelayReport::End::timed_out);
      heed(pump, lacks);
    } else if (*state == Pump::State::moved && over(deadline)) {
      pump.end(RelayReport::End::timed_out);
    }
    if (pump.state() == Pump::State::ended) return pump.report();
  }
}

Result<DuplexReport> relay_both_ways(DuplexEnds ends, Deadline deadline) {
  SigpipeHeldBack sigpipe;
  std::array<Pump, 2> pumps{Pump{ends.a_in, ends.b_out, {}, false}, Pump{ends.b_in, ends.a_out, {}, false}};
  std::array<bool, 2> closed{};
  while (true) {
    bool all_wait = true;
    for (std::size_t i = 0; i < pumps.size(); ++i) {
      auto state = pumps[i].step();
      if (pumps[i].sigpipe_raised()) sigpipe.raised();
      if (!state) return std::unexpected{state.error()};
      if (*state == Pump::State::moved) all_wait = false;
      if (*state == Pump::State::ended && !std::exchange(closed[i], true)) {
        // Refused for what is no socket, and for a socket whose peer is gone: nobody is left to be told.
        (void)::shutdown(pumps[i].output(), SHUT_WR);
        all_wait = false;
      }
    }
    const bool finished = ends.end_with_first ? closed[0] || closed[1] : closed[0] && closed[1];
    if (!finished && all_wait) {
      std::array<pollfd, 4> lacks{};
      for (std::size_t i = 0; i < pumps.size(); ++i) {
        const auto own = lacking(pumps[i]);
        lacks[2 * i] = own[0];
        lacks[2 * i + 1] = own[1];
      }
      auto ready = wait_for(lacks, deadline);
      if (!ready) return std::unexpected{ready.error()};
      for (std::size_t i = 0; i < pumps.size(); ++i)
        if (*ready) heed(pumps[i], std::span{lacks}.subspan(2 * i).first<2>());
      if (*ready) continue;
    }
    if (finished || all_wait || over(deadline)) {
      for (Pump& pump : pumps)
        if (pump.state() != Pump::State::ended)
          pump.end(finished ? RelayReport::End::stopped : RelayReport::End::timed_out);
      return DuplexReport{pumps[0].report(), pumps[1].report()};
    }
  }
}

}  // namespace ginnel
