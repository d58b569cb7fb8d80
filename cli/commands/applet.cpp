#include "applets/applet.hpp"

#include <fmt/core.h>
#include <memory>

#include "verbs.hpp"

// `ginnel applet`: what main.cpp has not run as an applet, since no applet is named.

namespace ginnel::cli {
namespace {

std::string names() {
  std::string all;
  for (const Applet* applet : all_applets()) all += fmt::format("{}{}", all.empty() ? "" : ", ", applet->name);
  return all;
}

std::string description() {
  std::string text = "The tool to be, with its own options behind:";
  for (const Applet* applet : all_applets()) text += fmt::format("\n{}: {}", applet->name, applet->summary);
  return text;
}

CommandRun define_applet(const VerbOptions& options) {
  auto name = std::make_shared<std::string>();
  options.add_option("NAME", *name, description()).required();
  options.allow_extras();
  return [name](const TrailingWords&) -> Result<int> {
    return std::unexpected{usage_error(*name, "no applet of that name; there are " + names())};
  };
}

}  // namespace

const Verb applet_verb{"applet", "Be ipcs, ipcmk, ipcrm, flock or lslocks",
                       "  ginnel applet ipcmk -Q\n"
                       "  ginnel applet flock -n /tmp/lockfile make\n"
                       "  ln -s \"$(command -v ginnel)\" ~/bin/flock; ~/bin/flock -w 5 /tmp/lockfile make\n"
                       "\n"
                       "Options, output and exit codes are those of the tool of util-linux. Called by\n"
                       "the name of such a tool, by a link, ginnel is that tool without 'applet'.\n",
                       "[-- ARGUMENT...]", define_applet};

}  // namespace ginnel::cli
