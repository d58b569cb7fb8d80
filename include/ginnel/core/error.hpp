#pragma once

#include <string>
#include <string_view>

namespace ginnel {

/// A refusal of the kernel: which call, on what, why, and what the caller can do about it.
/// Normal outcomes (would block, end of stream, timed out, a peer's death) are never an Error: they are values of the
/// return type. Passed on unchanged, so the errno of the call that failed is never lost.
class [[nodiscard]] Error {
 public:
  Error(int code, std::string_view operation, std::string_view object = {}, std::string_view hint = {})
      : code_{code}, operation_{operation}, object_{object}, hint_{hint} {}

  /// The error of the system call that has just failed: takes errno before anything else can change it.
  [[nodiscard]] static Error last(std::string_view operation, std::string_view object = {});

  [[nodiscard]] int code() const noexcept { return code_; }
  [[nodiscard]] const std::string& operation() const noexcept { return operation_; }
  [[nodiscard]] const std::string& object() const noexcept { return object_; }
  [[nodiscard]] const std::string& hint() const noexcept { return hint_; }

  /// The same refusal with the remedy filled in.
  [[nodiscard]] Error with_hint(std::string_view hint) &&;
  /// The same refusal with the object named, for a caller who knows the name that the callee did not.
  [[nodiscard]] Error with_object(std::string_view object) &&;

  /// One line: `mq_open /jobs: EMFILE: <hint>`. Without a hint, an errno for want of something (EMFILE, ENFILE, ENOMEM, ENOSPC,
  /// EDQUOT, EFBIG) tells the limit that it stands for and the remedy, and any other the system's text.
  [[nodiscard]] std::string message() const;

 private:
  int code_;
  std::string operation_;
  std::string object_;
  std::string hint_;
};

/// The symbol of an errno value: `EAGAIN`, or `errno 4095` where the C library knows none.
/// Source: strerrorname_np(3).
[[nodiscard]] std::string errno_name(int code);

}  // namespace ginnel
