#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "ginnel/core/result.hpp"
#include "usage_error.hpp"
#include "verb_options.hpp"

// What a verb of the command is made of. Each lives in a file of its own in commands/, and main.cpp lists them all.

namespace ginnel::cli {

/// What the shell is told. Verbs that run a command of the user's (pipe, lock, run, fd recv, sem wait) pass on that command's
/// own code instead once it has run, and 128 + N when signal N ended it, as shells do.
enum ExitCode : int {
  exit_done = 0,
  exit_nothing = 1,  ///< nothing found, would block, timed out, or the peer went before all was done
  exit_refused = 2,  ///< usage error, or the kernel or ginnel refused
};

/// What follows `--` on the command line, untouched by option parsing.
using TrailingWords = std::vector<std::string>;

/// Runs the verb; an Error is printed as `ginnel VERB: <message>` and ends with exit_refused.
using CommandRun = std::function<Result<int>(const TrailingWords& trailing)>;

struct Verb {
  std::string_view name;
  std::string_view summary;   ///< one line, for the list of verbs
  std::string_view examples;  ///< lines of `  ginnel …`, shown under the options
  std::string_view trailing;  ///< what follows `--`, for the usage line; empty where nothing may
  /// Adds the verb's options and gives what to run once they are parsed.
  CommandRun (*define)(const VerbOptions& options);
};

/// For the normal outcomes that end a verb with exit_nothing: says on standard error what did not come about, as
/// `ginnel VERB: <text>`, and gives that code.
[[nodiscard]] int nothing(const Verb& verb, std::string_view text);

}  // namespace ginnel::cli
