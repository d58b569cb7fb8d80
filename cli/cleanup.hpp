#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>
#include <vector>

// What the command has put into the file system for its own use (a listening socket's path) goes with it, also when it is
// ended by a signal. Not for what a user asked for by `mk`.

namespace ginnel::cli {

/// Whatever ends a process by default and can be caught, apart from what tells of a fault of its own (SIGSEGV, SIGABRT, …), after which
/// nothing in the process can be relied on, and from SIGXFSZ, which does not end it: see have_file_size_limit_told(). Source: signal(7).
[[nodiscard]] std::vector<int> ending_signals();

/// Once, at the start: those signals remove the registered paths and then end the process as they would have.
/// A signal that was ignored (nohup) stays ignored.
void install_cleanup_on_signals();

/// What those signals do. Async-signal-safe.
void remove_registered_paths() noexcept;

/// Once, at the start: a write beyond RLIMIT_FSIZE is refused with EFBIG, and the command says so, in place of being killed by SIGXFSZ
/// without a word. By a handler, which the commands that ginnel runs do not inherit.
void have_file_size_limit_told();

/// Whether whoever started ginnel has it ignore this signal, as nohup(1) does with SIGHUP. A blocked signal is received by a
/// signalfd all the same.
[[nodiscard]] bool is_ignored(int signal_number) noexcept;

/// Registers a path for as long as it lives; a signal removes it if it still is the same file (device and inode) as at
/// registration. The destructor only forgets it: in the normal course the owner removes its own path.
class [[nodiscard]] PathToRemove {
 public:
  explicit PathToRemove(const std::string& path) noexcept;
  PathToRemove(const PathToRemove&) = delete;
  PathToRemove& operator=(const PathToRemove&) = delete;
  ~PathToRemove();

 private:
  std::size_t slot_;
};

}  // namespace ginnel::cli
