#include "screen.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>
#include <string_view>

namespace ginnel::cli {
namespace {

std::string_view variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

}  // namespace

Screen Screen::of(int fd) {
  if (::isatty(fd) != 1) return {};
  winsize size{};
  constexpr int classic_width = 80;
  const bool known = ::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return {.width = known ? size.ws_col : classic_width,
          .colour = variable("NO_COLOR").empty() && variable("TERM") != "dumb"};
}

}  // namespace ginnel::cli
