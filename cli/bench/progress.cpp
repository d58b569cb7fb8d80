#include "bench/progress.hpp"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "render/output.hpp"
#include "render/screen.hpp"

namespace ginnel::cli::bench {

using namespace std::chrono_literals;

ProgressBar::ProgressBar()
    : shown_{::isatty(STDERR_FILENO) == 1}, width_{Screen::of(STDERR_FILENO).width.value_or(80)} {}

ProgressBar::~ProgressBar() {
  if (!shown_) return;
  note("\r\x1b[K");
  std::fflush(stderr);
}

void ProgressBar::show(const measure::Progress& progress) {
  const auto now = Clock::now();
  if (!shown_ || now - drawn_ < 100ms) return;
  drawn_ = now;
  const double part = progress.all == 0 ? 0 : static_cast<double>(progress.done) / static_cast<double>(progress.all);
  const std::chrono::duration<double> spent = now - begun_;
  const double left = part > 0 ? spent.count() / part * (1 - part) : 0;
  note("\r\x1b[K{}", progress_line(part, std::chrono::seconds{static_cast<long>(left + 0.5)}, progress.now, width_));
  std::fflush(stderr);
}

std::string progress_line(double part, std::chrono::seconds left, std::string_view now, int width) {
  constexpr int bar = 24;
  const int filled = std::clamp(static_cast<int>(part * bar), 0, bar);
  std::string line = "[";
  for (int i = 0; i < bar; ++i) line += i < filled ? "█" : "░";
  const std::string figures =
      fmt::format("] {:3.0f} %  {}:{:02} left", part * 100, left.count() / 60, left.count() % 60);
  line += figures;
  const int room = width - 2 - bar - static_cast<int>(figures.size()) - 2;
  if (room > 0) line.append("  ").append(now.substr(0, static_cast<std::size_t>(room)));
  return line;
}

}  // namespace ginnel::cli::bench
