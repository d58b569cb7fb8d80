#include "tour/visit.hpp"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <exception>
#include <span>

#include "render/json.hpp"

namespace ginnel::cli::tour {
namespace {

using namespace std::chrono_literals;

void send_line(int report, const Json& line) noexcept {
  try {
    const std::string text = line.dump(-1, ' ', true, Json::error_handler_t::replace) + '\n';
    (void)write_all(report, as_bytes(text), patience());
  } catch (const std::exception&) {
    return;  // out of memory: the guide takes silence for failure
  }
}

void hear_one_byte(int fd) {
  std::array<std::byte, 1> byte{};
  const Transfer heard = must(read_all(fd, byte, patience()));
  if (heard.end == Transfer::End::end_of_stream) throw Broken{"the other process ended too early"};
  if (heard.end == Transfer::End::timed_out) throw Broken{"the other process was not ready in time"};
}

void say_one_byte(int fd) { (void)must(write_all(fd, std::array{std::byte{1}}, patience())); }

/// What goes wrong there the guide hears of at once, before the stop itself could find out.
[[noreturn]] void run_partner(int broken_report, const std::function<void(Line&)>& body, Line line) {
  try {
    body(line);
    ::_exit(0);
  } catch (const Broken& broken) {
    report_broken(broken_report, "in the other process: " + broken.why);
  } catch (const std::exception& thrown) {
    report_broken(broken_report, thrown.what());
  }
  ::_exit(1);
}

Process fork_partner(int broken_report, const std::function<void(Line&)>& body, Line line) {
  const pid_t stop = ::getpid();
  const pid_t child = ::fork();
  if (child < 0) throw Broken{Error::last("fork").message()};
  if (child == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != stop) ::_exit(1);
    run_partner(broken_report, body, line);
  }
  auto process = Process::open(child);
  if (!process) {  // nobody could end it
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
  }
  return must(std::move(process));
}

}  // namespace

Deadline patience() { return Deadline::after(5s); }
Deadline a_moment() { return Deadline::after(20ms); }

void Line::ready() const { say_one_byte(report_); }
void Line::wait_for_release() const { hear_one_byte(release_); }
void Line::stay() const {
  while (true) ::pause();
}

Partner::Partner(const Visit& visit, const std::function<void(Line&)>& body)
    : Partner{visit.report_, body, must(Pipe::create()), must(Pipe::create())} {}

Partner::Partner(int broken_report, const std::function<void(Line&)>& body, Pipe reports, Pipe releases)
    : reports_{std::move(reports.read_end)},
      release_{std::move(releases.write_end)},
      process_{fork_partner(broken_report, body, Line{reports.write_end.get(), releases.read_end.get()})} {}

Partner::~Partner() {
  if (collected_) return;
  (void)process_.signal(SIGKILL);
  (void)process_.collect();
}

void Partner::wait_until_ready() { hear_one_byte(reports_.get()); }

void Partner::release() { say_one_byte(release_.get()); }

void Partner::finish() {
  const auto ended = must_be<ExitStatus>(process_.collect(patience()));
  collected_ = true;
  if (!ended.success()) throw Broken{"the other process ended with " + ended.to_string()};
}

void Partner::kill() {
  (void)must_be<Done>(process_.signal(SIGKILL));
  (void)must_be<ExitStatus>(process_.collect(patience()));
  collected_ = true;
}

Visit::Visit(const Names& names, std::chrono::nanoseconds timing_budget, int report) noexcept
    : names_{names}, timing_budget_{timing_budget}, report_{report} {}

void Visit::guarantee(std::string_view fact, const Verdict& verdict) {
  if (verdict) throw Broken{std::string{fact} + ": " + verdict->to_string()};
  send_line(report_, {{"guarantee", fact}});
}

void Visit::at_peer_death(std::string_view told, const Verdict& verdict) {
  if (verdict) throw Broken{"at the peer's death, " + std::string{told} + ": " + verdict->to_string()};
  send_line(report_, {{"at_peer_death", told}});
}

void Visit::time_round_trips(const std::function<void()>& ping) {
  using Clock = Deadline::Clock;
  constexpr std::size_t most = 20'000;
  constexpr std::size_t fewest = 3;
  ping();  // the first one finds pages and caches cold
  std::vector<std::uint64_t> samples;
  const auto until = Clock::now() + timing_budget_;
  for (auto start = Clock::now(); samples.size() < fewest || (start < until && samples.size() < most);) {
    ping();
    const auto end = Clock::now();
    samples.push_back(static_cast<std::uint64_t>(std::chrono::nanoseconds{end - start}.count()));
    start = end;
  }
  send_line(report_, {{"round_trip_ns", median(std::move(samples))}});
}

void report_broken(int report, std::string_view why) noexcept { send_line(report, {{"failure", why}}); }
void report_done(int report) noexcept { send_line(report, {{"done", true}}); }

}  // namespace ginnel::cli::tour
