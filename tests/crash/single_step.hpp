#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>

// Death at each instruction, for algorithms in shared memory: a child does one operation, one machine instruction at a time, and is
// killed, or left standing, wherever the test wants.

namespace ginnel::crash {

/// A child of fork(2) that stands at the beginning of `body` until it is moved. It shares with its parent only what is mapped as
/// shared. The body makes no system call and touches no lock; the child ends with it, by _exit(2).
/// For one thread; the destructor kills and collects. Where tracing is forbidden the constructor ends the program with 77, and says so.
class SteppedProcess {
 public:
  explicit SteppedProcess(const std::function<void()>& body);
  SteppedProcess(const SteppedProcess&) = delete;
  SteppedProcess& operator=(const SteppedProcess&) = delete;
  ~SteppedProcess();

  /// Goes on by that many instructions, or to the end of the body. How many it went.
  long step(long most);
  /// Whether the body has run to its end.
  [[nodiscard]] bool ended() const noexcept;
  /// Goes on at full speed. False: it crashed, or was not done after 2 s of processor time.
  [[nodiscard]] bool run_to_end();
  void kill();

 private:
  bool step_once();

  pid_t pid_ = -1;
  bool alive_ = false;
  std::uint32_t* progress_ = nullptr;  ///< shared with the child
};

/// How many instructions the body takes when nobody disturbs it. What it does to shared memory stays.
[[nodiscard]] long count_instructions(const std::function<void()>& body);

}  // namespace ginnel::crash
