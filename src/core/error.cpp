#include "ginnel/core/error.hpp"

#include <cerrno>
#include <cstring>
#include <utility>

namespace ginnel {

Error Error::last(std::string_view operation, std::string_view object) {
  const int code = errno;
  return Error{code, operation, object};
}

Error Error::with_hint(std::string_view hint) && {
  hint_ = hint;
  return std::move(*this);
}

Error Error::with_object(std::string_view object) && {
  object_ = object;
  return std::move(*this);
}

std::string Error::message() const {
  std::string text = operation_;
  if (!object_.empty()) text.append(" ").append(object_);
  text.append(": ").append(errno_name(code_)).append(": ");
  if (!hint_.empty()) return text.append(hint_);
  const char* description = ::strerrordesc_np(code_);
  return text.append(description != nullptr ? description : "unknown error");
}

std::string errno_name(int code) {
  const char* name = ::strerrorname_np(code);
  return name != nullptr ? std::string{name} : "errno " + std::to_string(code);
}

}  // namespace ginnel
