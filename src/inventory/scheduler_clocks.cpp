#include "scheduler_clocks.hpp"

#include <cstdint>
#include <string>
#include <string_view>

#include "ginnel/sys/directory.hpp"
#include "ginnel/sys/inside.hpp"
#include "ginnel/sys/processors.hpp"
#include "proc_text.hpp"
#include "words.hpp"

namespace ginnel::inventory {
namespace {

using Milliseconds = std::chrono::duration<double, std::milli>;

// Where every processor is busy, moving to each takes its time: what was not reached by then stays unknown.
constexpr std::chrono::milliseconds patience{50};

Milliseconds steady_now() { return std::chrono::steady_clock::now().time_since_epoch(); }

/// How far the clock of the processor that this process has just been moved to is ahead of the steady one. The scheduler noted
/// the time when it came to run here, or at its last tick: some milliseconds ago at most.
std::optional<Milliseconds> ahead_here() {
  std::string text;
  const auto self = Directory::open("/proc/thread-self");
  const auto ran = self && self->read_file("sched", text) ? parse_last_ran(text) : std::nullopt;
  if (!ran) return std::nullopt;
  return Milliseconds{*ran} - steady_now();
}

/// A line for each processor: its number, and how far its clock is ahead of the steady one, in nanoseconds.
Result<Carried> go_round() {
  const auto allowed = allowed_processors();
  if (!allowed) return std::unexpected{allowed.error()};
  Carried lines;
  const Milliseconds end = steady_now() + patience;
  for (const Processor& processor : *allowed) {
    if (steady_now() > end) break;
    if (!pin_to_processor(processor.number)) continue;
    const auto ahead = ahead_here();
    if (!ahead) break;
    lines.bytes += std::to_string(processor.number) + " " +
                   std::to_string(std::chrono::round<std::chrono::nanoseconds>(*ahead).count()) + "\n";
  }
  return lines;
}

}  // namespace

void SchedulerClocks::ask() {
  const auto lines = run_inside({}, go_round);
  if (!lines) return;
  for (std::string_view rest = lines->bytes; !rest.empty();) {
    std::string_view line = take_line(rest);
    const auto processor = take_number<int>(line);
    const auto ahead = take_number<std::int64_t>(line);
    if (processor && ahead) ahead_[*processor] = std::chrono::nanoseconds{*ahead};
  }
}

std::optional<double> SchedulerClocks::now_on(int processor) {
  if (!asked_) ask();
  asked_ = true;
  const auto known = ahead_.find(processor);
  if (known == ahead_.end()) return std::nullopt;
  return (steady_now() + known->second).count();
}

}  // namespace ginnel::inventory
