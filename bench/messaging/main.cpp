// Messaging beside the limits of the machine (figures.hpp), and beside what others make (peers/).
//
//   build/release/bench/messaging [--seconds N] [--only TEXT] [bare | topic | channel | queue | peers]...

#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

#include "groups.hpp"

namespace {

using namespace ginnel::bench;

struct Group {
  std::string_view name;
  std::vector<Figure> (*figures)();
  bool chosen = false;
};

int usage() {
  std::fprintf(stderr, "usage: messaging [--seconds N] [--only TEXT] [bare | topic | channel | queue | peers]...\n");
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  std::array groups{Group{"bare", bare_figures}, Group{"topic", topic_figures}, Group{"channel", channel_figures},
                    Group{"queue", queue_figures}, Group{"peers", peer_figures}};
  double seconds = 20;
  std::string_view only;
  bool any = false;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--seconds" && i + 1 < argc) {
      seconds = std::atof(argv[++i]);
      continue;
    }
    if (argument == "--only" && i + 1 < argc) {
      only = argv[++i];
      continue;
    }
    bool known = false;
    for (Group& group : groups)
      if (group.name == argument) known = group.chosen = any = true;
    if (!known) return usage();
  }

  const std::string home = "/dev/shm/ginnel-bench-" + std::to_string(::getpid());
  if (::mkdir(home.c_str(), 0700) < 0 || ::setenv("GINNEL_HOME", home.c_str(), 1) < 0) return 2;
  std::vector<Figure> figures;
  for (const Group& group : groups)
    if (group.chosen || !any)
      for (Figure& figure : group.figures())
        if (figure.what.find(only) != std::string::npos) figures.push_back(std::move(figure));
  report(std::move(figures), seconds);
  std::filesystem::remove_all(home);
  return 0;
}
