#include <getopt.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/random.h>
#include <sys/sem.h>
#include <sys/shm.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <optional>

#include "applet.hpp"
#include "voice.hpp"

// ipcmk(1): makes System V objects under random keys. Not by the library's create(), which goes further than a script that
// calls ipcmk expects: it fills the memory with pages and gives semaphores their first values.

namespace ginnel::cli {
namespace {

constexpr Voice voice{"ipcmk"};

struct Wanted {
  std::optional<std::uint64_t> segment_bytes;
  bool queue = false;
  std::optional<std::int32_t> semaphores;
  int mode = 0644;
};

int help() {
  put("\nUsage:\n ipcmk [options]\n\n"
      "Make System V objects, each under a random key.\n\n"
      "Options:\n"
      " -M, --shmem <size>        a shared memory segment\n"
      " -S, --semaphore <number>  a set of so many semaphores\n"
      " -Q, --queue               a message queue\n"
      " -p, --mode <mode>         its permissions, in octal (0644 unless given)\n\n"
      " -h, --help                this text\n"
      " -V, --version             the version\n\n"
      "A size may end with K, M, G, T, P or E, which mean powers of 1024, also as KiB; KB is 1000.\n");
  return EXIT_SUCCESS;
}

std::optional<int> parse_mode(const char* text) {
  char* end = nullptr;
  const unsigned long mode = std::strtoul(text, &end, 8);
  if (end == text || *end != '\0') return std::nullopt;
  return static_cast<int>(mode & 0777);
}

int refuse_size(BadNumber fault, const char* text) {
  voice.complain_of(fault == BadNumber::out_of_range ? ERANGE : EINVAL,
                    fmt::format("failed to parse size: '{}'", text));
  return EXIT_FAILURE;
}

/// Fills `wanted`; the exit code where there is nothing to make.
std::optional<int> parse(int argc, char** argv, Wanted& wanted) {
  static constexpr std::array options{option{"shmem", required_argument, nullptr, 'M'},
                                      option{"semaphore", required_argument, nullptr, 'S'},
                                      option{"queue", no_argument, nullptr, 'Q'},
                                      option{"mode", required_argument, nullptr, 'p'},
                                      option{"version", no_argument, nullptr, 'V'},
                                      option{"help", no_argument, nullptr, 'h'},
                                      option{}};
  int found = 0;
  while ((found = ::getopt_long(argc, argv, "hM:QS:p:V", options.data(), nullptr)) != -1) {
    switch (found) {
      case 'M': {
        const auto size = parse_size(optarg);
        if (!size) return refuse_size(size.error(), optarg);
        wanted.segment_bytes = *size;
        break;
      }
      case 'S': {
        const auto count = parse_int32(optarg);
        if (!count) return voice.refuse(count.error(), "failed to parse elements", optarg);
        wanted.semaphores = *count;
        break;
      }
      case 'Q':
        wanted.queue = true;
        break;
      case 'p': {
        const auto mode = parse_mode(optarg);
        if (!mode) return voice.refuse(BadNumber::malformed, "failed to parse mode", optarg);
        wanted.mode = *mode;
        break;
      }
      case 'h':
        return help();
      case 'V':
        return voice.tell_version();
      default:
        return voice.point_to_help();
    }
  }
  if (wanted.segment_bytes || wanted.queue || wanted.semaphores) return std::nullopt;
  voice.complain("bad usage");
  return voice.point_to_help();
}

/// Never 0, which would make the object private.
key_t random_key() {
  key_t key = IPC_PRIVATE;
  while (key == IPC_PRIVATE) (void)::getrandom(&key, sizeof key, 0);
  return key;
}

/// Tries keys until one is free. False once it has said why there is no object.
template <class Get>
bool make(std::string_view what, std::string_view in_errors, Get get) {
  int id = -1;
  do id = get(random_key());
  while (id < 0 && errno == EEXIST);
  if (id < 0) {
    voice.complain_of(errno, fmt::format("create {} failed", in_errors));
    return false;
  }
  put("{} id: {}\n", what, id);
  return true;
}

int run(int argc, char** argv) {
  Wanted wanted;
  if (const auto code = parse(argc, argv, wanted)) return *code;
  const int flags = wanted.mode | IPC_CREAT | IPC_EXCL;
  const bool made =
      (!wanted.segment_bytes ||
       make("Shared memory", "share memory", [&](key_t key) { return ::shmget(key, *wanted.segment_bytes, flags); })) &&
      (!wanted.queue || make("Message queue", "message queue", [&](key_t key) { return ::msgget(key, flags); })) &&
      (!wanted.semaphores ||
       make("Semaphore", "semaphore", [&](key_t key) { return ::semget(key, *wanted.semaphores, flags); }));
  return made ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace

const Applet ipcmk_applet{"ipcmk", "Make System V objects", run};

}  // namespace ginnel::cli
