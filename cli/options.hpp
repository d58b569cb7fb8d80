#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>

#include "ginnel/core/address.hpp"
#include "ginnel/core/bytes.hpp"
#include "ginnel/core/deadline.hpp"
#include "ginnel/core/result.hpp"
#include "verb_options.hpp"

// The options that several verbs share, spelled and explained once.

namespace ginnel::cli {

/// `250ms`, `5s`, `1.5s`, `2m`, `1h`, `100us`; a bare number is seconds. Errors: EINVAL.
[[nodiscard]] Result<Deadline::Clock::duration> parse_duration(std::string_view text);
/// `600`, `0640`: octal permission bits. Errors: EINVAL.
[[nodiscard]] Result<mode_t> parse_mode(std::string_view text);
/// A uid or gid by number or name. Errors: EINVAL (no such user or group).
[[nodiscard]] Result<uid_t> parse_user(std::string_view text);
[[nodiscard]] Result<gid_t> parse_group(std::string_view text);

/// --timeout and --nonblock: how long a verb waits.
class WaitOptions {
 public:
  void add_to(const VerbOptions& options);
  /// --timeout alone, where it does something of its own.
  void add_timeout_to(const VerbOptions& options, const std::string& help);
  /// From now; never when nothing was asked. Errors: EINVAL (the duration, or both options at once).
  [[nodiscard]] Result<Deadline> deadline() const;

 private:
  std::string timeout_;
  bool nonblock_ = false;
};

/// --mode, octal.
class ModeOption {
 public:
  void add_to(const VerbOptions& options);
  [[nodiscard]] Result<mode_t> value(mode_t otherwise) const;
  [[nodiscard]] bool is_given() const noexcept { return !text_.empty(); }

 private:
  std::string text_;
};

/// --json where a verb prints facts.
void add_json_flag(const VerbOptions& options, bool& json);

}  // namespace ginnel::cli
