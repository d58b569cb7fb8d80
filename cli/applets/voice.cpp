#include "voice.hpp"

#include <cerrno>
#include <cstring>

namespace ginnel::cli {
namespace {

/// Where standard error is closed there is nobody to tell.
void put_line_on_stderr(const std::string& line) { note("{}\n", line); }

}  // namespace

void Voice::complain(std::string_view text) const { put_line_on_stderr(fmt::format("{}: {}", name_, text)); }

void Voice::complain_of(int code, std::string_view text) const {
  complain(fmt::format("{}: {}", text, std::strerror(code)));
}

int Voice::refuse(BadNumber fault, std::string_view text, std::string_view word, int code) const {
  const std::string what = fmt::format("{}: '{}'", text, word);
  if (fault == BadNumber::out_of_range) {
    complain_of(ERANGE, what);
  } else {
    complain(what);
  }
  return code;
}

int Voice::point_to_help(int code) const {
  put_line_on_stderr(fmt::format("Try '{} --help' for more information.", name_));
  return code;
}

int Voice::tell_version() const {
  put("{} from ginnel " GINNEL_VERSION ", in the manner of util-linux 2.38\n", name_);
  return EXIT_SUCCESS;
}

}  // namespace ginnel::cli
