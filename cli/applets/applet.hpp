#pragma once

#include <optional>
#include <span>
#include <string_view>

// The classic tools of System V objects and file locks, inside ginnel: called by the name of one of them, by a link say, or
// as `ginnel applet NAME`, ginnel takes that tool's options and prints what it prints, so that a script need not know.
// An applet parses its words itself, by getopt_long(3) as the tools do; the verbs and their options play no part.

namespace ginnel::cli {

struct Applet {
  std::string_view name;
  std::string_view summary;
  /// `argv` is the applet's own, with the name it was called by in front and a null pointer behind. Gives the exit code.
  int (*run)(int argc, char** argv);
};

extern const Applet flock_applet;
extern const Applet ipcmk_applet;
extern const Applet ipcrm_applet;
extern const Applet ipcs_applet;
extern const Applet lslocks_applet;

[[nodiscard]] std::span<const Applet* const> all_applets() noexcept;

/// Runs the applet that the words of a command line ask for, by the name in front or by `applet NAME`, and gives its exit code;
/// nothing when they ask for none.
[[nodiscard]] std::optional<int> run_as_applet(int argc, char** argv);

}  // namespace ginnel::cli
