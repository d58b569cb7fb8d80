#include <getopt.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "applet.hpp"
#include "sysv_kind.hpp"
#include "voice.hpp"

// ipcrm(1): removes System V objects by id or key, or all of them. Goes on after a failure, as the tool does.

namespace ginnel::cli {
namespace {

constexpr Voice voice{"ipcrm"};

int help() {
  put("\nUsage:\n ipcrm [options]\n ipcrm shm|msg|sem <id>...\n\n"
      "Remove System V objects, by id or by key.\n\n"
      "Options:\n"
      " -m, --shmem-id <id>        the shared memory segment of that id\n"
      " -M, --shmem-key <key>      the shared memory segment of that key\n"
      " -q, --queue-id <id>        the message queue of that id\n"
      " -Q, --queue-key <key>      the message queue of that key\n"
      " -s, --semaphore-id <id>    the set of semaphores of that id\n"
      " -S, --semaphore-key <key>  the set of semaphores of that key\n"
      " -a, --all[=shm|msg|sem]    all objects, or all of that kind\n"
      " -v, --verbose              tell of each removal\n\n"
      " -h, --help                 this text\n"
      " -V, --version              the version\n\n"
      "Keys are decimal, 0x hexadecimal or 0 octal.\n");
  return EXIT_SUCCESS;
}

/// What to call an object in a complaint.
enum class By { id, key };
std::string_view to_string(By by) { return by == By::id ? "id" : "key"; }

/// Why the kernel would not, by errno; `name` is the id or key as the complaint shows it.
void complain_of(int code, By by, std::string_view name) {
  const std::string_view kind = to_string(by);
  switch (code) {
    case EACCES:
    case EPERM:
      return voice.complain(fmt::format("permission denied for {} ({})", kind, name));
    case EINVAL:
    case ENOENT:
      return voice.complain(fmt::format("invalid {} ({})", kind, name));
    case EIDRM:
      return voice.complain(fmt::format("already removed {} ({})", kind, name));
    default:
      return voice.complain_of(code, fmt::format("{} failed", kind));
  }
}

class Removal {
 public:
  void be_verbose() { verbose_ = true; }

  bool by_id(const SysvKind& kind, int id, By named = By::id) const {
    if (verbose_) put("removing {} id `{}'\n", kind.description, id);
    if (kind.remove(id) == 0) return true;
    complain_of(errno, named, std::to_string(id));
    return false;
  }

  bool by_key(const SysvKind& kind, key_t key, std::string_view as_written) const {
    const int id = kind.find(key);
    if (id >= 0) return by_id(kind, id, By::key);
    complain_of(errno, By::key, as_written);
    return false;
  }

  /// Those that the caller may read: of others the kernel does not tell the ids in this way.
  bool all(const SysvKind& kind) const {
    bool done = true;
    const int highest = kind.highest_index();
    for (int index = 0; index <= highest; ++index) {
      const int id = kind.id_at(index);
      if (id >= 0 && !by_id(kind, id)) done = false;
    }
    return done;
  }

 private:
  bool verbose_ = false;
};

/// `ipcrm shm ID...`, the form of old.
int run_old_form(const SysvKind& kind, int count, char** ids) {
  if (count == 0) {
    voice.complain("not enough arguments");
    return voice.point_to_help();
  }
  bool done = true;
  for (int i = 0; i < count; ++i) {
    char* end = nullptr;
    const int id = static_cast<int>(std::strtoul(ids[i], &end, 10));
    if (*end != '\0') {
      voice.complain(fmt::format("invalid id: {}", ids[i]));
      done = false;
    } else if (!Removal{}.by_id(kind, id)) {
      done = false;
    }
  }
  if (done) put("resource(s) deleted\n");
  return done ? EXIT_SUCCESS : EXIT_FAILURE;
}

/// What -a removes. Of several the last counts.
enum class AllOf { nothing, everything, shm, sem, msg };

std::optional<AllOf> all_of(const char* word) {
  if (word == nullptr) return AllOf::everything;
  const std::string_view kind = word;
  if (kind == sysv_shm_kind.word) return AllOf::shm;
  if (kind == sysv_sem_kind.word) return AllOf::sem;
  if (kind == sysv_msg_kind.word) return AllOf::msg;
  return std::nullopt;
}

bool remove_all(const Removal& removal, AllOf all) {
  bool done = true;
  if (all == AllOf::everything || all == AllOf::shm) done = removal.all(sysv_shm_kind) && done;
  if (all == AllOf::everything || all == AllOf::sem) done = removal.all(sysv_sem_kind) && done;
  if (all == AllOf::everything || all == AllOf::msg) done = removal.all(sysv_msg_kind) && done;
  return done;
}

const SysvKind& kind_of_option(int option) {
  if (option == 'm' || option == 'M') return sysv_shm_kind;
  return option == 'q' || option == 'Q' ? sysv_msg_kind : sysv_sem_kind;
}

/// Removes the object that an option names; the exit code where its argument is no number at all.
std::optional<int> remove_named(const Removal& removal, int option, const char* word, bool& done) {
  const SysvKind& kind = kind_of_option(option);
  if (option >= 'a') {
    const auto id = parse_int32(word);
    if (!id) return voice.refuse(id.error(), "failed to parse argument", word);
    if (!removal.by_id(kind, *id)) done = false;
    return std::nullopt;
  }
  const auto number = parse_unsigned(word);
  if (!number) return voice.refuse(number.error(), "failed to parse argument", word);
  const auto key = static_cast<key_t>(*number);
  if (key == IPC_PRIVATE) {
    voice.complain(fmt::format("illegal key ({})", word));
    done = false;
  } else if (!removal.by_key(kind, key, word)) {
    done = false;
  }
  return std::nullopt;
}

int run(int argc, char** argv) {
  if (argc > 1)
    if (const SysvKind* kind = sysv_kind_named(argv[1])) return run_old_form(*kind, argc - 2, argv + 2);

  static constexpr std::array options{option{"shmem-id", required_argument, nullptr, 'm'},
                                      option{"shmem-key", required_argument, nullptr, 'M'},
                                      option{"queue-id", required_argument, nullptr, 'q'},
                                      option{"queue-key", required_argument, nullptr, 'Q'},
                                      option{"semaphore-id", required_argument, nullptr, 's'},
                                      option{"semaphore-key", required_argument, nullptr, 'S'},
                                      option{"all", optional_argument, nullptr, 'a'},
                                      option{"verbose", no_argument, nullptr, 'v'},
                                      option{"help", no_argument, nullptr, 'h'},
                                      option{"version", no_argument, nullptr, 'V'},
                                      option{}};
  Removal removal;
  AllOf all = AllOf::nothing;
  bool done = true;
  int found = 0;
  while ((found = ::getopt_long(argc, argv, "m:M:q:Q:s:S:a::vhV", options.data(), nullptr)) != -1) {
    switch (found) {
      case 'a':
        if (const auto kind = all_of(optarg)) {
          all = *kind;
          break;
        }
        voice.complain(fmt::format("unknown argument: {}", optarg));
        return EXIT_FAILURE;
      case 'v':
        removal.be_verbose();
        break;
      case 'h':
        return help();
      case 'V':
        return voice.tell_version();
      case '?':
        return voice.point_to_help();
      default:
        if (const auto code = remove_named(removal, found, optarg, done)) return *code;
    }
  }
  if (!remove_all(removal, all)) done = false;
  if (optind < argc) {
    voice.complain(fmt::format("unknown argument: {}", argv[optind]));
    return voice.point_to_help();
  }
  return done ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace

const Applet ipcrm_applet{"ipcrm", "Remove System V objects", run};

}  // namespace ginnel::cli
