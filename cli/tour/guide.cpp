#include "tour/guide.hpp"

#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <exception>
#include <nlohmann/json.hpp>
#include <utility>

#include "cleanup.hpp"
#include "ginnel/sys/pipe.hpp"

namespace ginnel::cli::tour {
namespace {

using namespace std::chrono_literals;

/// Longer than a stop's own patience, so that it can still say what it waited for in vain.
constexpr auto watchdog = 10s;

[[noreturn]] void run_stop(const TourStop& stop, const Names& names, std::chrono::nanoseconds timing_budget,
                           int report) {
  try {
    Visit visit{names, timing_budget, report};
    stop.visit(visit);
    report_done(report);
  } catch (const Broken& broken) {
    report_broken(report, broken.why);
  } catch (const std::exception& thrown) {
    report_broken(report, thrown.what());
  }
  ::_exit(0);
}

Result<Process> fork_stop(const TourStop& stop, const Names& names, std::chrono::nanoseconds timing_budget,
                          Pipe& report) {
  const pid_t guide = ::getpid();
  const pid_t child = ::fork();
  if (child < 0) return std::unexpected{Error::last("fork")};
  if (child == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != guide) ::_exit(1);
    report.read_end.reset();
    run_stop(stop, names, timing_budget, report.write_end.get());
  }
  auto process = Process::open(child);
  if (!process) {  // or it would go on, and make objects after its names have been cleared away
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
  }
  return process;
}

enum class Heard { report, signal, nothing };

Result<Heard> listen(int report, int signals, Deadline deadline) {
  std::array waiting{pollfd{.fd = signals, .events = POLLIN, .revents = 0},
                     pollfd{.fd = report, .events = POLLIN, .revents = 0}};
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline.remaining());
    const int ready = ::poll(waiting.data(), waiting.size(), static_cast<int>(left.count()));
    if (ready < 0 && errno != EINTR) return std::unexpected{Error::last("poll")};
    if (ready > 0) return waiting[0].revents != 0 ? Heard::signal : Heard::report;
    if (deadline.passed()) return Heard::nothing;
  }
}

}  // namespace

void ReportReader::fail(std::string why) {
  if (!findings_.failure) findings_.failure = std::move(why);
}

void ReportReader::take(std::string_view bytes) {
  pending_.append(bytes);
  for (auto end = pending_.find('\n'); end != std::string::npos; end = pending_.find('\n')) {
    take_line(std::string_view{pending_}.substr(0, end));
    pending_.erase(0, end + 1);
  }
}

void ReportReader::take_line(std::string_view line) {
  const auto json = nlohmann::json::parse(line, nullptr, false);
  const auto text = [&](const char* what) {
    return json.contains(what) && json[what].is_string() ? std::optional{json[what].get<std::string>()} : std::nullopt;
  };
  if (auto fact = text("guarantee"))
    findings_.guarantees.push_back(std::move(*fact));
  else if (auto told = text("at_peer_death"))
    findings_.at_peer_death.push_back(std::move(*told));
  else if (auto why = text("failure"))
    fail(std::move(*why));
  else if (json.contains("round_trip_ns") && json["round_trip_ns"].is_number_unsigned())
    findings_.round_trip_ns = json["round_trip_ns"].get<std::uint64_t>();
  else if (json.contains("done"))
    done_ = true;
  else
    fail("its report cannot be read: " + std::string{line});
}

Findings ReportReader::finish(std::string_view how_it_ended) && {
  if (!done_) fail("it did not come to its end: " + std::string{how_it_ended});
  if (findings_.guarantees.empty()) fail("nothing was verified");
  if (!findings_.round_trip_ns) fail("no round trip was timed");
  if (findings_.at_peer_death.empty()) fail("no peer's death was watched");
  return std::move(findings_);
}

Result<Outcome<Findings, ReceivedSignal>> lead_through(const TourStop& stop, const Names& names,
                                                       std::chrono::nanoseconds timing_budget,
                                                       SignalReceiver& signals) {
  auto report = Pipe::create();
  if (!report) return std::unexpected{report.error()};
  auto process = fork_stop(stop, names, timing_budget, *report);
  if (!process) return std::unexpected{process.error()};
  report->write_end.reset();

  const Deadline deadline = Deadline::after(watchdog);
  ReportReader reader{stop.mechanism};
  std::string how_it_ended = "it hung";
  std::optional<ReceivedSignal> interrupted;
  while (!reader.over()) {
    auto heard = listen(report->read_end.get(), signals.pollable(), deadline);
    if (!heard) return std::unexpected{heard.error()};
    if (*heard == Heard::nothing) break;
    if (*heard == Heard::signal) {
      auto signal = signals.receive(Deadline::immediately());
      if (!signal) return std::unexpected{signal.error()};
      if (const auto* got = signal->get_if<ReceivedSignal>(); got != nullptr && !is_ignored(got->number)) {
        interrupted = *got;
        break;
      }
      continue;
    }
    std::array<std::byte, 4096> buffer{};
    auto got = read_some(report->read_end.get(), buffer, Deadline::immediately());
    if (!got) return std::unexpected{got.error()};
    if (got->is<EndOfStream>()) {
      how_it_ended = "its process died";
      break;
    }
    if (const auto* read = got->get_if<BytesRead>()) reader.take(as_text(std::span{buffer}.first(read->count)));
  }

  // Its partner goes with it. What either had made under one of the names is then cleared away.
  (void)process->signal(SIGKILL);
  auto collected = process->collect();
  if (!collected) return std::unexpected{collected.error()};
  names.clear();
  if (interrupted) return *interrupted;
  return std::move(reader).finish(how_it_ended);
}

}  // namespace ginnel::cli::tour
