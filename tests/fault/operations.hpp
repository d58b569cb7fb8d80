#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "ginnel/core/outcome.hpp"
#include "ginnel/core/result.hpp"

// The operations whose system calls are made to fail, one by one, by tests/fault/run. Each is a public function of the library
// (or a few that belong together), on objects that were made ready before.

namespace ginnel::fault {

/// For what is there already: reached only by an operation that went wrong, however busy the machine is.
inline constexpr std::chrono::seconds patience{20};

/// What an attempt came to: `done`, `outcome NAME` or `error ENAME operation`.
struct Attempt {
  std::string report;
  std::function<void()> undo{};  ///< takes away what the attempt made, outside of where calls are made to fail
};

struct Operation {
  std::string_view name;
  /// Makes ready what the operation needs and gives the operation; it is run more than once.
  std::function<std::function<Attempt()>()> prepare;
};

/// One list for each family, in a file of its own.
[[nodiscard]] std::vector<Operation> process_operations();
[[nodiscard]] std::vector<Operation> stream_operations();
[[nodiscard]] std::vector<Operation> socket_operations();
[[nodiscard]] std::vector<Operation> queue_operations();
[[nodiscard]] std::vector<Operation> memory_operations();
[[nodiscard]] std::vector<Operation> lock_operations();
[[nodiscard]] std::vector<Operation> folder_operations();
[[nodiscard]] std::vector<Operation> foreign_operations();

/// An outcome that is not what the operation was for, by its type's name; `done` for all others.
template <class T>
[[nodiscard]] std::string report_value(const T&) {
  return "done";
}
[[nodiscard]] inline std::string report_value(const TimedOut&) { return "outcome TimedOut"; }
[[nodiscard]] inline std::string report_value(const EndOfStream&) { return "outcome EndOfStream"; }
[[nodiscard]] inline std::string report_value(const PeerGone&) { return "outcome PeerGone"; }
template <class... Ts>
[[nodiscard]] std::string report_value(const Outcome<Ts...>& outcome) {
  return std::visit([](const auto& value) { return report_value(value); }, outcome.variant());
}

[[nodiscard]] inline std::string report_error(const Error& error) {
  return "error " + errno_name(error.code()) + " " + error.operation();
}

template <class T>
[[nodiscard]] std::string report(const Result<T>& result) {
  if (!result) return report_error(result.error());
  if constexpr (std::is_void_v<T>) {
    return "done";
  } else {
    return report_value(*result);
  }
}

/// Ends the driver with a message and a code of its own.
[[noreturn]] void give_up(const std::string& message);

/// The value, or the end of the driver: what is made ready must not fail, since nothing is injected there.
template <class T>
[[nodiscard]] T must(Result<T> result) {
  if (!result) give_up(result.error().message());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

/// Where an operation may make files; empty before and after.
[[nodiscard]] std::string scratch_file(const std::string& name);

}  // namespace ginnel::fault
