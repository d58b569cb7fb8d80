#pragma once

#include <csignal>

// Writing where nobody reads must be an outcome, never a signal, and the process's disposition of SIGPIPE belongs to the
// program. Three ways, the best first: RWF_NOSIGNAL (Linux 6.18), MSG_NOSIGNAL (sockets), and a mask around the call.

namespace ginnel {

/// Keeps SIGPIPE from being delivered to this thread while it lives, whatever the process does with that signal. To be
/// told of each EPIPE by raised(), so that the signal that came with it is taken away again.
class SigpipeHeldBack {
 public:
  SigpipeHeldBack() noexcept;
  SigpipeHeldBack(const SigpipeHeldBack&) = delete;
  SigpipeHeldBack& operator=(const SigpipeHeldBack&) = delete;
  ~SigpipeHeldBack();
  void raised() noexcept { raised_ = true; }

 private:
  sigset_t sigpipe_{};
  sigset_t previous_{};
  bool was_pending_ = false;
  bool raised_ = false;
};

inline constexpr int rwf_nosignal = 0x100;  // linux/fs.h of 6.18

/// Whether this kernel knows RWF_NOSIGNAL. Found out once in a process, by writing into a pipe made for it. Preserves errno.
[[nodiscard]] bool knows_rwf_nosignal() noexcept;

}  // namespace ginnel
