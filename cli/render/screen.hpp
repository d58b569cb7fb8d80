#pragma once

#include <optional>

namespace ginnel::cli {

/// Where output goes, and what it can show.
struct Screen {
  std::optional<int> width;  ///< columns of a terminal; none in a pipe or file, where nothing is cut or wrapped
  bool colour = false;       ///< on a terminal, unless NO_COLOR is set (to anything but nothing) or TERM is dumb

  [[nodiscard]] static Screen of(int fd);
};

}  // namespace ginnel::cli
