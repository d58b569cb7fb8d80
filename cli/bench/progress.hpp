#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "ginnel/measure/run.hpp"

namespace ginnel::cli::bench {

/// A bar on standard error where that is a terminal, nothing elsewhere. Drawn ten times a second at most, and wiped at the end.
class ProgressBar {
 public:
  ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;
  ~ProgressBar();
  void show(const measure::Progress& progress);

 private:
  using Clock = std::chrono::steady_clock;
  bool shown_;
  int width_;
  Clock::time_point begun_ = Clock::now();
  Clock::time_point drawn_{};
};

/// `[████████░░░░░░░░] 50 %  0:24 left  pipe sleeping …`, within `width` columns.
[[nodiscard]] std::string progress_line(double part, std::chrono::seconds left, std::string_view now, int width);

}  // namespace ginnel::cli::bench
