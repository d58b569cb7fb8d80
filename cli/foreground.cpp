#include "foreground.hpp"

#include "cleanup.hpp"

#include <poll.h>

#include <cerrno>
#include <csignal>
#include <ctime>
#include <utility>
#include <vector>

namespace ginnel::cli {
namespace {

/// Like wait_ready of the library, on many descriptors.
Result<Outcome<Done, TimedOut>> wait_for_any(std::vector<pollfd>& waiting, Deadline deadline) {
  while (true) {
    const auto left = std::chrono::duration_cast<std::chrono::nanoseconds>(deadline.remaining());
    const timespec span{.tv_sec = left.count() / 1'000'000'000, .tv_nsec = left.count() % 1'000'000'000};
    const int ready = ::ppoll(waiting.data(), waiting.size(), deadline.is_never() ? nullptr : &span, nullptr);
    if (ready > 0) return Done{};
    if (ready < 0 && errno != EINTR) return std::unexpected{Error::last("ppoll")};
    if (deadline.passed()) return TimedOut{};
  }
}

}  // namespace

Result<Foreground> Foreground::begin() {
  // Whoever started ginnel may ignore SIGCHLD, and then the kernel would throw the exit statuses away.
  struct sigaction usual{};
  usual.sa_handler = SIG_DFL;
  ::sigaction(SIGCHLD, &usual, nullptr);

  auto signals = SignalReceiver::create({SIGINT, SIGQUIT, SIGTERM, SIGHUP});
  if (!signals) return std::unexpected{signals.error()};
  return Foreground{std::move(*signals)};
}

Result<std::optional<int>> Foreground::interrupted() {
  auto got = signals_.receive(Deadline::immediately());
  if (!got) return std::unexpected{got.error()};
  const auto* signal = got->get_if<ReceivedSignal>();
  return signal != nullptr && !is_ignored(signal->number) ? std::optional{signal->number} : std::nullopt;
}

Result<void> Foreground::pass_on(std::span<const Process> commands) {
  while (true) {
    auto got = signals_.receive(Deadline::immediately());
    if (!got) return std::unexpected{got.error()};
    const auto* signal = got->get_if<ReceivedSignal>();
    if (signal == nullptr) return {};
    if (signal->code == SI_KERNEL) continue;
    for (const Process& command : commands)
      if (auto sent = command.signal(signal->number); !sent) return std::unexpected{sent.error()};
  }
}

Result<Outcome<Done, TimedOut>> Foreground::wait_for(std::span<const Process> commands, Deadline deadline) {
  while (true) {
    std::vector<pollfd> waiting{{.fd = signals_.pollable(), .events = POLLIN, .revents = 0}};
    for (const Process& command : commands)
      if (command.alive()) waiting.push_back({.fd = command.pollable(), .events = POLLIN, .revents = 0});
    if (waiting.size() == 1) return Done{};

    auto ready = wait_for_any(waiting, deadline);
    if (!ready || ready->is<TimedOut>()) return ready;
    if (auto passed = pass_on(commands); !passed) return std::unexpected{passed.error()};
  }
}

Result<int> Foreground::run_to_end(Process command) {
  auto waited = wait_for(std::span{&command, 1});
  if (!waited) return std::unexpected{waited.error()};
  auto ended = command.collect();
  if (!ended) return std::unexpected{ended.error()};
  return exit_code_of(ended->as<ExitStatus>());
}

int exit_code_of(const ExitStatus& status) noexcept {
  constexpr int killed_base = 128;
  return status.how == ExitStatus::How::exited ? status.value : killed_base + status.value;
}

}  // namespace ginnel::cli
