#include "ipcs.hpp"

#include <getopt.h>

#include <cstdlib>
#include <optional>
#include <set>

#include "applet.hpp"

// ipcs(1): shows System V objects, their limits and their use.

namespace ginnel::cli {
namespace ipcs {
namespace {

constexpr int human_option = 256;  // it has no letter

struct Wanted {
  std::set<Kind> kinds;
  std::optional<int> id;
  Format format = Format::list;
  Sizes sizes = Sizes::usual;
};

int help() {
  put("\nUsage:\n ipcs [resource-option...] [output-option]\n ipcs -m|-q|-s -i <id>\n\n"
      "Show System V objects.\n\n"
      "Options:\n"
      " -i, --id <id>     all about the one of that id\n"
      " -h, --help        this text\n"
      " -V, --version     the version\n\n"
      "Which objects:\n"
      " -m, --shmems      shared memory segments\n"
      " -q, --queues      message queues\n"
      " -s, --semaphores  sets of semaphores\n"
      " -a, --all         all of them (as without an option)\n\n"
      "What to tell of them, the last one counts:\n"
      " -t, --time        when they were used and changed\n"
      " -p, --pid         who made them and used them last\n"
      " -c, --creator     creator and owner\n"
      " -l, --limits      what the kernel allows\n"
      " -u, --summary     how much there is\n"
      "     --human       sizes rounded, with a unit\n"
      " -b, --bytes       sizes in bytes\n");
  return EXIT_SUCCESS;
}

/// Gives the code to end with, if any option ends it.
std::optional<int> parse(int argc, char** argv, Wanted& wanted) {
  static constexpr std::array options{option{"id", required_argument, nullptr, 'i'},
                                      option{"queues", no_argument, nullptr, 'q'},
                                      option{"shmems", no_argument, nullptr, 'm'},
                                      option{"semaphores", no_argument, nullptr, 's'},
                                      option{"all", no_argument, nullptr, 'a'},
                                      option{"time", no_argument, nullptr, 't'},
                                      option{"pid", no_argument, nullptr, 'p'},
                                      option{"creator", no_argument, nullptr, 'c'},
                                      option{"limits", no_argument, nullptr, 'l'},
                                      option{"summary", no_argument, nullptr, 'u'},
                                      option{"human", no_argument, nullptr, human_option},
                                      option{"bytes", no_argument, nullptr, 'b'},
                                      option{"version", no_argument, nullptr, 'V'},
                                      option{"help", no_argument, nullptr, 'h'},
                                      option{}};
  int found = 0;
  while ((found = ::getopt_long(argc, argv, "i:qmsatpclubVh", options.data(), nullptr)) != -1) {
    switch (found) {
      case 'i': {
        const auto id = parse_int32(optarg);
        if (!id) return voice.refuse(id.error(), "failed to parse id argument", optarg);
        wanted.id = *id;
        break;
      }
      case 'q':
        wanted.kinds.insert(Kind::queue);
        break;
      case 'm':
        wanted.kinds.insert(Kind::segment);
        break;
      case 's':
        wanted.kinds.insert(Kind::semaphore_set);
        break;
      case 'a':
        wanted.kinds.insert(all_kinds.begin(), all_kinds.end());
        break;
      case 't':
        wanted.format = Format::times;
        break;
      case 'p':
        wanted.format = Format::pids;
        break;
      case 'c':
        wanted.format = Format::creators;
        break;
      case 'l':
        wanted.format = Format::limits;
        break;
      case 'u':
        wanted.format = Format::summary;
        break;
      case human_option:
        wanted.sizes = Sizes::human;
        break;
      case 'b':
        wanted.sizes = Sizes::bytes;
        break;
      case 'h':
        return help();
      case 'V':
        return voice.tell_version();
      default:
        return voice.point_to_help();
    }
  }
  return std::nullopt;
}

void print_kind(Kind kind, const Wanted& wanted) {
  if (wanted.format == Format::limits) return print_limits(kind, wanted.sizes);
  if (wanted.format == Format::summary) return print_summary(kind, wanted.sizes);
  print_table(kind, wanted.format, wanted.sizes);
}

int run(int argc, char** argv) {
  Wanted wanted;
  if (const auto code = parse(argc, argv, wanted)) return *code;
  if (wanted.id) {
    if (wanted.kinds.size() == 1) return print_object(*wanted.kinds.begin(), *wanted.id, wanted.sizes);
    voice.complain("when using an ID, a single resource must be specified");
    return EXIT_FAILURE;
  }
  put("\n");
  for (const Kind kind : all_kinds) {
    if (!wanted.kinds.empty() && !wanted.kinds.contains(kind)) continue;
    print_kind(kind, wanted);
    put("\n");
  }
  return EXIT_SUCCESS;
}

}  // namespace
}  // namespace ipcs

const Applet ipcs_applet{"ipcs", "Show System V objects, their limits and their use", ipcs::run};

}  // namespace ginnel::cli
