#pragma once

#include <cstdlib>
#include <string_view>

#include "numbers.hpp"
#include "render/output.hpp"

namespace ginnel::cli {

/// How an applet speaks on standard error: under the name of its tool, in the form of err(3).
class Voice {
 public:
  explicit constexpr Voice(std::string_view name) noexcept : name_{name} {}

  /// `flock: TEXT`
  void complain(std::string_view text) const;
  /// `flock: TEXT: No such file or directory`
  void complain_of(int code, std::string_view text) const;
  /// `flock: TEXT: 'WORD'`, and why where the word is a number too large. Gives the code to end with.
  int refuse(BadNumber fault, std::string_view text, std::string_view word, int code = EXIT_FAILURE) const;
  /// Where the help text is, after a complaint about the use. Gives the code to end with.
  int point_to_help(int code = EXIT_FAILURE) const;
  /// `flock from ginnel 0.1.0, in the manner of util-linux 2.38`: the last word is the version that scripts look for.
  /// Gives the code to end with.
  int tell_version() const;

 private:
  std::string_view name_;
};

}  // namespace ginnel::cli
