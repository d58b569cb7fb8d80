#include <fcntl.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <string>
#include <utility>

#include "applet.hpp"
#include "flock_options.hpp"
#include "ginnel/sys/file_lock.hpp"
#include "voice.hpp"

// flock(1): takes a lock on a file, a directory or an open descriptor, and runs a command under it. The wait is the library's,
// which tries at growing intervals where the tool sets an alarm. The command is started by fork and exec and not by
// spawn(): a script counts on it to inherit all descriptors.

namespace ginnel::cli {
namespace {

constexpr Voice voice{"flock"};

/// Open for reading, as by the tool, and made when missing. First without O_CREAT: a directory refuses it, and in a folder
/// like /tmp fs.protected_regular does for the file of another user.
Result<UniqueFd> open_lock_file(const char* path) {
  constexpr int flags = O_RDONLY | O_NOCTTY | O_CLOEXEC;
  int fd = ::open(path, flags);
  if (fd < 0 && errno == ENOENT) fd = ::open(path, flags | O_CREAT, 0666);
  if (fd < 0 && errno == EISDIR) fd = ::open(path, flags);  // `f/` that is not there: no file is made of that name
  if (fd < 0) return std::unexpected{Error::last("open", path)};
  return UniqueFd{fd};
}

int code_of_open(int error) {
  if (error == ENOMEM || error == EMFILE || error == ENFILE) return EX_OSERR;
  return error == EROFS || error == ENOSPC ? EX_CANTCREAT : EX_NOINPUT;
}

int code_of_lock(int error) { return error == ENOLCK || error == ENOMEM || error == EMFILE ? EX_OSERR : EX_DATAERR; }

/// By a copy of the descriptor. The lock is on what both have open, and stands for as long as one of them is.
Result<Outcome<Done, TimedOut>> lock(int fd, const FlockOptions& options) {
  UniqueFd copy{::fcntl(fd, F_DUPFD_CLOEXEC, 0)};
  if (!copy.valid()) return std::unexpected{Error::last("fcntl")};
  if (options.unlock) {
    if (::flock(copy.get(), LOCK_UN) < 0) return std::unexpected{Error::last("flock")};
    return Done{};
  }
  auto locked = FileLock::acquire(std::move(copy), options.mode, options.deadline);
  if (!locked) return std::unexpected{locked.error()};
  if (locked->is<TimedOut>()) return TimedOut{};
  return Done{};
}

/// Returns only the code to end with when there is no such program.
int become(char* const* words) {
  ::execvp(words[0], words);
  const int error = errno;
  voice.complain_of(error, fmt::format("failed to execute {}", words[0]));
  return error == ENOMEM ? EX_OSERR : EX_UNAVAILABLE;
}

int run_to_end(char* const* words) {
  std::signal(SIGCHLD, SIG_DFL);  // whoever ignores it keeps its children's codes from being waited for
  const pid_t child = ::fork();
  if (child < 0) {
    voice.complain_of(errno, "fork failed");
    return EX_OSERR;
  }
  if (child == 0) ::_exit(become(words));
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno == EINTR) continue;
    voice.complain_of(errno, "waitpid failed");
    return EX_OSERR;
  }
  if (WIFEXITED(status)) return WEXITSTATUS(status);
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : EX_OSERR;
}

int run_command(const FlockOptions& options) {
  const char* shell = std::getenv("SHELL");
  if (shell == nullptr || *shell == '\0') shell = "/bin/sh";
  std::string shell_path{shell};
  std::string dash_c{"-c"};
  const std::array<char*, 4> line{shell_path.data(), dash_c.data(), options.command[0], nullptr};
  char* const* words = options.by_shell ? line.data() : options.command;

  if (options.verbose) put("flock: executing {}\n", words[0]);
  if (!options.in_place) return run_to_end(words);
  (void)std::fflush(stdout);
  return become(words);
}

int tell_of_conflict(const FlockOptions& options) {
  if (options.verbose)
    voice.complain(options.deadline.is_immediate() ? "failed to get lock" : "timeout while waiting to get lock");
  return options.conflict_code;
}

int run(int argc, char** argv) {
  const auto options = parse_flock(argc, argv);
  if (!options) return options.error();

  UniqueFd file;
  if (options->path != nullptr) {
    auto opened = open_lock_file(options->path);
    if (!opened) {
      voice.complain_of(opened.error().code(), fmt::format("cannot open lock file {}", options->path));
      return code_of_open(opened.error().code());
    }
    file = std::move(*opened);
  }
  const int fd = file.valid() ? file.get() : options->descriptor;
  const auto begun = Deadline::Clock::now();
  const auto locked = lock(fd, *options);
  if (!locked) {
    const int error = locked.error().code();
    voice.complain_of(error, options->path != nullptr ? options->path : std::to_string(fd));
    return code_of_lock(error);
  }
  if (locked->is<TimedOut>()) return tell_of_conflict(*options);
  if (options->verbose) {
    const std::chrono::duration<double> took = Deadline::Clock::now() - begun;
    put("flock: getting lock took {:.6f} seconds\n", took.count());
  }
  if (options->command == nullptr) return EXIT_SUCCESS;
  if (!options->close)
    (void)::fcntl(file.get(), F_SETFD, 0);  // inherited, so that the command's children hold the lock too
  return run_command(*options);
}

}  // namespace

const Applet flock_applet{"flock", "Run a command under a file lock, or lock an open descriptor", run};

}  // namespace ginnel::cli
