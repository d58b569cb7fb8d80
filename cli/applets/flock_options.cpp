#include "flock_options.hpp"

#include <getopt.h>
#include <sysexits.h>

#include <array>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <optional>
#include <string_view>

#include "voice.hpp"

namespace ginnel::cli {
namespace {

constexpr Voice voice{"flock"};
constexpr int verbose_option = 256;  // it has no letter

int help() {
  put("\nUsage:\n"
      " flock [options] <file>|<directory> <command> [<argument>...]\n"
      " flock [options] <file>|<directory> -c <command>\n"
      " flock [options] <file descriptor number>\n\n"
      "Run a command under a lock, or lock what the shell has open.\n\n"
      "Options:\n"
      " -s, --shared             share the lock with others that share it\n"
      " -x, --exclusive          have the lock alone (as without an option)\n"
      " -u, --unlock             give the lock up\n"
      " -n, --nonblock           end at once when the lock is taken\n"
      " -w, --timeout <secs>     end when the lock was not free in so many seconds; 0.5 will do\n"
      " -E, --conflict-exit-code <number>  the exit code of these two (1 unless given)\n"
      " -o, --close              keep the locked descriptor from the command\n"
      " -c, --command <command>  a line for the shell\n"
      " -F, --no-fork            become the command instead of starting it\n"
      "     --verbose            tell how long the lock took, or why there is none\n\n"
      " -h, --help               this text\n"
      " -V, --version            the version\n");
  return EXIT_SUCCESS;
}

int wrong(std::string_view text) {
  voice.complain(text);
  return EX_USAGE;
}

/// Seconds up to what a timer of the kernel counts to. Less than a microsecond is no wait at all, as with the tool.
std::expected<Deadline, int> parse_timeout(const char* word) {
  char* end = nullptr;
  const double seconds = std::strtod(word, &end);
  if (end == word || *end != '\0')
    return std::unexpected{voice.refuse(BadNumber::malformed, "invalid timeout value", word, EX_USAGE)};
  if (!(seconds >= 0 && seconds < std::ldexp(1.0, 63))) {
    voice.complain_of(EINVAL, "cannot set up timer");
    return std::unexpected{EX_OSERR};
  }
  if (seconds < 1e-6) return Deadline::immediately();
  const std::chrono::duration<double> span{seconds};
  if (span >= Deadline::Clock::duration::max()) return Deadline::never();
  return Deadline::after(std::chrono::duration_cast<Deadline::Clock::duration>(span));
}

std::expected<int, int> parse_conflict_code(const char* word) {
  const auto code = parse_int32(word);
  if (!code) return std::unexpected{voice.refuse(code.error(), "invalid exit code", word, EX_USAGE)};
  if (*code < 0 || *code > 255) return std::unexpected{wrong("exit code out of range (expected 0 to 255)")};
  return *code;
}

/// The options in front of the file. Gives the code to end with, if any of them ends it.
std::optional<int> parse_options(int argc, char** argv, FlockOptions& options) {
  static constexpr std::array known{option{"shared", no_argument, nullptr, 's'},
                                    option{"exclusive", no_argument, nullptr, 'x'},
                                    option{"unlock", no_argument, nullptr, 'u'},
                                    option{"nonblocking", no_argument, nullptr, 'n'},
                                    option{"nb", no_argument, nullptr, 'n'},
                                    option{"timeout", required_argument, nullptr, 'w'},
                                    option{"wait", required_argument, nullptr, 'w'},
                                    option{"conflict-exit-code", required_argument, nullptr, 'E'},
                                    option{"close", no_argument, nullptr, 'o'},
                                    option{"no-fork", no_argument, nullptr, 'F'},
                                    option{"verbose", no_argument, nullptr, verbose_option},
                                    option{"help", no_argument, nullptr, 'h'},
                                    option{"version", no_argument, nullptr, 'V'},
                                    option{}};
  Deadline patience = Deadline::never();
  bool no_wait = false;
  int found = 0;
  // '+': what stands behind the file belongs to the command.
  while ((found = ::getopt_long(argc, argv, "+sexnoFuw:E:hV?", known.data(), nullptr)) != -1) {
    switch (found) {
      case 's':
      case 'e':
      case 'x':
        options.mode = found == 's' ? LockMode::shared : LockMode::exclusive;
        options.unlock = false;
        break;
      case 'u':
        options.unlock = true;
        break;
      case 'n':
        no_wait = true;
        break;
      case 'w':
        if (const auto parsed = parse_timeout(optarg)) {
          patience = *parsed;
        } else {
          return parsed.error();
        }
        break;
      case 'E':
        if (const auto parsed = parse_conflict_code(optarg)) {
          options.conflict_code = *parsed;
        } else {
          return parsed.error();
        }
        break;
      case 'o':
        options.close = true;
        break;
      case 'F':
        options.in_place = true;
        break;
      case verbose_option:
        options.verbose = true;
        break;
      case 'h':
        return help();
      case 'V':
        return voice.tell_version();
      default:
        return voice.point_to_help(EX_USAGE);
    }
  }
  options.deadline = no_wait ? Deadline::immediately() : patience;
  return std::nullopt;
}

/// What is to be locked, and the command. Gives the code to end with when there is something wrong with them.
std::optional<int> take_words(int count, char** words, FlockOptions& options) {
  if (count == 0) return wrong("requires file descriptor, file or directory");
  if (count == 1) {
    const auto number = parse_int32(words[0]);
    if (!number) return voice.refuse(number.error(), "bad file descriptor", words[0], EX_USAGE);
    options.descriptor = *number;
    return std::nullopt;
  }
  options.path = words[0];
  options.command = words + 1;
  const std::string_view first = words[1];
  if (first != "-c" && first != "--command") return std::nullopt;
  if (count != 3) return wrong(fmt::format("{} requires exactly one command argument", first));
  options.by_shell = true;
  ++options.command;
  return std::nullopt;
}

}  // namespace

std::expected<FlockOptions, int> parse_flock(int argc, char** argv) {
  if (argc < 2) {
    voice.complain("not enough arguments");
    return std::unexpected{voice.point_to_help(EX_USAGE)};
  }
  FlockOptions options;
  if (const auto code = parse_options(argc, argv, options)) return std::unexpected{*code};
  if (options.in_place && options.close)
    return std::unexpected{wrong("the --no-fork and --close options are incompatible")};
  if (const auto code = take_words(argc - optind, argv + optind, options)) return std::unexpected{*code};
  return options;
}

}  // namespace ginnel::cli
