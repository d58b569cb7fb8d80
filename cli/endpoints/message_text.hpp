#pragma once

#include <string>

#include "endpoints/messages.hpp"

namespace ginnel::cli {

/// A message as recv prints it.
class MessageText {
 public:
  enum class Form {
    raw,   ///< its bytes
    line,  ///< its bytes and a newline
    json,  ///< one line: how many bytes, the priority or type it has, and the data, in base64 where it is no UTF-8
  };
  explicit MessageText(Form form) noexcept : form_{form} {}
  [[nodiscard]] std::string of(const Message& message) const;

 private:
  Form form_;
};

/// Source: RFC 4648, section 4.
[[nodiscard]] std::string base64(std::string_view bytes);
[[nodiscard]] bool is_utf8(std::string_view bytes);

}  // namespace ginnel::cli
