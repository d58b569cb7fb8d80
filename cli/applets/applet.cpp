#include "applet.hpp"

#include <array>
#include <cerrno>
#include <clocale>
#include <cstdio>
#include <cstdlib>

#include "voice.hpp"

namespace ginnel::cli {
namespace {

constexpr std::array table{&flock_applet, &ipcmk_applet, &ipcrm_applet, &ipcs_applet, &lslocks_applet};

const Applet* applet_named(std::string_view name) {
  for (const Applet* applet : table)
    if (applet->name == name) return applet;
  return nullptr;
}

std::string_view base_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

/// What could not be written must not end as a success. Of what had no reader (EPIPE) or nowhere to go (EBADF) nothing is said.
int after_writing(const Applet& applet, int code) {
  const Voice voice{applet.name};
  if (std::ferror(stdout) != 0) {
    voice.complain("write error");  // some time ago: its errno is gone
    return EXIT_FAILURE;
  }
  if (std::fflush(stdout) == 0 || errno == EPIPE || errno == EBADF) return code;
  voice.complain_of(errno, "write error");
  return EXIT_FAILURE;
}

int run(const Applet& applet, int argc, char** argv) {
  std::setlocale(LC_ALL, "");  // the texts of errno values and the decimal sign are the user's, as the tools have them
  return after_writing(applet, applet.run(argc, argv));
}

}  // namespace

std::span<const Applet* const> all_applets() noexcept { return table; }

std::optional<int> run_as_applet(int argc, char** argv) {
  if (argc < 1) return std::nullopt;
  if (const Applet* applet = applet_named(base_name(argv[0]))) return run(*applet, argc, argv);
  if (argc < 3 || std::string_view{argv[1]} != "applet") return std::nullopt;
  if (const Applet* applet = applet_named(argv[2])) return run(*applet, argc - 2, argv + 2);
  return std::nullopt;
}

}  // namespace ginnel::cli
