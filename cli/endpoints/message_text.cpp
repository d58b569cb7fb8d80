#include "endpoints/message_text.hpp"

#include <cstdint>

#include "ginnel/sys/io.hpp"
#include "render/json.hpp"

namespace ginnel::cli {

std::string base64(std::string_view bytes) {
  constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    const std::string_view group = bytes.substr(at, 3);
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < 3; ++i)
      bits = bits << 8U | (i < group.size() ? static_cast<unsigned char>(group[i]) : 0U);
    for (std::size_t i = 0; i < 4; ++i) text.push_back(i <= group.size() ? digits[bits >> (18 - 6 * i) & 63U] : '=');
  }
  return text;
}

bool is_utf8(std::string_view bytes) {
  try {
    (void)Json(bytes).dump();  // strict unless told otherwise
    return true;
  } catch (const Json::type_error&) {
    return false;
  }
}

std::string MessageText::of(const Message& message) const {
  const std::string_view bytes = as_text(message.data);
  if (form_ == Form::raw) return std::string{bytes};
  if (form_ == Form::line) return std::string{bytes} + '\n';
  Json facts;
  if (message.priority) facts["priority"] = *message.priority;
  if (message.type) facts["type"] = *message.type;
  if (message.deliveries) facts["deliveries"] = *message.deliveries;
  facts["bytes"] = bytes.size();
  if (is_utf8(bytes)) {
    facts["data"] = bytes;
  } else {
    facts["base64"] = base64(bytes);
  }
  return facts.dump() + '\n';
}

}  // namespace ginnel::cli
