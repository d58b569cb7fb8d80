#pragma once

#include <fmt/format.h>

#include <string_view>
#include <utility>

#include "ginnel/core/result.hpp"

// How every verb and applet speaks. fmt::print and the stream operators throw, or lose what happened, where the disk is full.

namespace ginnel::cli {

/// To standard output. What goes wrong is kept for output_written().
void put_text(std::string_view text);

/// To standard error: where that is closed or full there is nobody to tell.
void note_text(std::string_view text);

template <class... Arguments>
void put(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  put_text(fmt::format(format, std::forward<Arguments>(arguments)...));
}

template <class... Arguments>
void note(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  note_text(fmt::format(format, std::forward<Arguments>(arguments)...));
}

/// Whether all that was put has been written; the first failure, however long ago it was.
[[nodiscard]] Result<void> output_written();

}  // namespace ginnel::cli
