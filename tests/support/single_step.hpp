#pragma once

#include <sys/types.h>
#include <ucontext.h>

#include <cstdint>
#include <functional>
#include <optional>

// Death at a chosen instruction. A child steps through what it does by the trap flag of its own processor state: after each machine
// instruction the kernel sends it SIGTRAP, and its handler counts, and kills or stops the child when the chosen one is done. A system
// call is one instruction. No tracer takes part, so a step costs no switch between processes, and it works where ptrace(2) is forbidden.
// Source: the Intel manual, volume 3, 18.3.1.4; signal(7).

namespace ginnel::test {

/// From one place to the next in a test that stands at each instruction in turn: a sanitizer makes many of one. A prime, so that no place of a
/// loop is left out for ever.
#ifdef __SANITIZE_ADDRESS__
inline constexpr long stride = 17;
#else
inline constexpr long stride = 1;
#endif

/// Whether this processor can be stepped so: x86-64 can.
[[nodiscard]] bool can_be_stepped() noexcept;

/// Where the processor stood after each step of an undisturbed run: to get to a point of another run sooner, at full speed. It lies in memory
/// that is shared with children.
class StepTrace {
 public:
  explicit StepTrace(long room);
  StepTrace(const StepTrace&) = delete;
  StepTrace& operator=(const StepTrace&) = delete;
  ~StepTrace();
  [[nodiscard]] long room() const noexcept { return room_; }
  [[nodiscard]] long steps() const noexcept { return *steps_; }
  struct ShortCut {
    long steps = 0;  ///< 0: there is none
    std::uint64_t place = 0;
  };
  /// The last place on the way that is not passed before.
  [[nodiscard]] ShortCut towards(long steps) const noexcept;

 private:
  friend class SteppedProcess;
  void complete();

  long room_;
  long* steps_;
  std::uint64_t* places_;
  std::uint32_t* latest_new_;  ///< by step: the latest one up to it that came to a new place
};

/// A child of fork(2): it prepares at full speed, stands, and when it is told to go does what is stepped through. It does not call
/// exit handlers or destructors of its parent, and dies with it. What it does must not block SIGTRAP. For one thread; the destructor kills and collects.
class SteppedProcess {
 public:
  struct Life {
    std::function<void()> prepare{};
    std::function<void()> run;
    std::function<void()> afterwards{};  ///< when it has stood or gone free, and lives on
  };
  /// Returns once the child has prepared, and stands.
  /// `trace`: for go_and_record().
  explicit SteppedProcess(const Life& life, StepTrace* trace = nullptr);
  SteppedProcess(const SteppedProcess&) = delete;
  SteppedProcess& operator=(const SteppedProcess&) = delete;
  ~SteppedProcess();

  /// Runs that many steps and dies; at the end of the run where that comes before. Returns once it is dead and collected.
  void go_and_die(long steps, const StepTrace* way = nullptr);
  /// Runs that many steps and stands (SIGSTOP); where the run ends before, it stands there.
  void go_and_stand(long steps, const StepTrace* way = nullptr);
  /// One step more, and stands again. False: its run has ended, and it goes on.
  [[nodiscard]] bool step_once();
  /// From where it stands, at full speed; does not wait.
  void go_on();
  /// Sees it stand again (true), or end (false).
  [[nodiscard]] bool stands_again();
  /// Waits for its end. False: it crashed, or was killed.
  [[nodiscard]] bool wait_for_end();
  /// Counts the steps of a run that nobody disturbs, and dies at its end.
  void go_and_record();
  /// To the end of the run, at full speed, and dies there.
  void go_free_and_die();

  /// Whether the run has come to its end.
  [[nodiscard]] bool ended() const noexcept;
  [[nodiscard]] long steps() const noexcept;
  /// It took another way this time, and never came to where it was to be slow.
  [[nodiscard]] bool missed_short_cut() const noexcept;
  [[nodiscard]] pid_t pid() const noexcept { return pid_; }
  void kill();

 private:
  struct Shared;
  [[noreturn]] void live(const Life& life) noexcept;
  static void count_step(ucontext_t& context);
  static void stop_or_die(int signal_number);
  void aim(long steps, const StepTrace* way, std::uint32_t what);
  bool wait_for_stop();

  static Shared* own_;  ///< of the child
  StepTrace* trace_;
  Shared* shared_;
  pid_t pid_ = -1;
  bool alive_ = false;
  bool success_ = false;
};

/// Runs `body` in a child and kills it after `steps` instructions. False when the body ended before. Nullopt where nobody can be stepped: the
/// test is to be skipped.
[[nodiscard]] std::optional<bool> kill_after_steps(long steps, const std::function<void()>& body);

/// How many instructions the body takes, so that a test can spread its deaths evenly. Nullopt as above.
[[nodiscard]] std::optional<long> count_steps(const std::function<void()>& body);

/// Standing still at a chosen instruction: the child prepares a body, runs `steps` of its instructions, stands while `meanwhile` runs
/// here, and goes on to its end. Wherever the body raises SIGSTOP, `meanwhile` runs again; what comes after that is not stepped through.
struct Stand {
  bool ended_before = false;  ///< the body has not so many instructions
  bool success = false;       ///< the body returned true, or ended before
};
[[nodiscard]] std::optional<Stand> stand_after_steps(long steps, const std::function<std::function<bool()>()>& prepare,
                                                     const std::function<void()>& meanwhile);

}  // namespace ginnel::test
