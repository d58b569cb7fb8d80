#pragma once

#include <sys/types.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "crash/world.hpp"

namespace ginnel::crash {

/// What came of a trial; lies in shared memory.
struct TrialResult {
  bool over = false;
  bool first_ended = false;     ///< its operation, before it was killed
  bool missed = false;          ///< the short cut was not come by: the same once more without
  std::int64_t longest_ns = 0;  ///< of what the survivors did
  long images = 0;
  std::array<char, 64> stage{};    ///< what they are doing
  std::array<char, 400> broken{};  ///< empty: it held
};

/// Runs trials, each in a process of its own, under a watchdog. It allocates nothing while it does, so that each begins in the same state.
class TrialRunner {
 public:
  /// What has not ended after `watchdog` hangs.
  TrialRunner(unsigned number, std::chrono::seconds watchdog);
  TrialRunner(const TrialRunner&) = delete;
  TrialRunner& operator=(const TrialRunner&) = delete;
  ~TrialRunner();

  /// The result stays until the next trial.
  const TrialResult& run(const Course& course);
  /// For several at once.
  void start(const Course& course);
  const TrialResult& finish(const Course& course);

  /// Trials that had to be run once more, since they took another way than the recorded one.
  [[nodiscard]] long missed() const noexcept { return missed_; }
  [[nodiscard]] const TrialResult& last() const noexcept { return *result_; }
  /// Steps through an operation that nobody disturbs.
  void record(const Operation& operation, test::StepTrace& trace);

 private:
  void start_any(const Course& course, test::StepTrace* trace);

  std::chrono::milliseconds watchdog_;
  TrialResult* result_;
  pid_t pid_ = -1;
  long missed_ = 0;
  std::array<char, 64> home_{};
};

/// Of the trial that this process lives through: for the watchdog to tell.
void note_stage(const char* what) noexcept;

}  // namespace ginnel::crash
