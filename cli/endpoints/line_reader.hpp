#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "ginnel/core/deadline.hpp"
#include "ginnel/core/outcome.hpp"
#include "ginnel/core/result.hpp"

namespace ginnel::cli {

/// Cuts a stream of bytes into messages.
class LineReader {
 public:
  enum class Unit {
    line,          ///< without its newline; the last may lack one
    whole_stream,  ///< one message, perhaps empty
  };
  /// `receiver`: for whom the messages are; it is named where one is too long.
  LineReader(int fd, std::size_t longest, Unit unit, std::string receiver) noexcept
      : fd_{fd}, longest_{longest}, unit_{unit}, receiver_{std::move(receiver)} {}

  /// Errors: EMSGSIZE (over the longest), and those of read(2).
  [[nodiscard]] Result<Outcome<std::vector<std::byte>, EndOfStream, TimedOut>> next(Deadline deadline);

 private:
  int fd_;
  std::size_t longest_;
  Unit unit_;
  std::string receiver_;
  std::vector<std::byte> pending_;
  std::ptrdiff_t taken_ = 0;     ///< of what is pending: the lines that were given out
  std::ptrdiff_t searched_ = 0;  ///< up to here there is no other newline
  bool ended_ = false;
  bool delivered_ = false;  ///< the whole stream, which may be empty
};

}  // namespace ginnel::cli
