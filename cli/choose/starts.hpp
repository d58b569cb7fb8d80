#pragma once

#include <span>
#include <string_view>

namespace ginnel::cli::choose {

/// Lines to start with. The C++ ones are the body of a function that gives 0 when all went well, after `#include <ginnel/sys.hpp>` or
/// `<ginnel/msg.hpp>`, and show both sides; the shell ones are of bash, and clear away after themselves.
/// tests/cli/choose_starts.py compiles and runs each of them.
struct Start {
  std::string_view mechanism;
  std::string_view cpp;
  std::string_view shell;  ///< empty where a shell cannot do it
};

[[nodiscard]] std::span<const Start> all_starts() noexcept;
/// Of a mechanism of the knowledge, which all have one.
[[nodiscard]] const Start& start_of(std::string_view mechanism) noexcept;

}  // namespace ginnel::cli::choose
