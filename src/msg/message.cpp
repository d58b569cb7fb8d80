#include "ginnel/msg/message.hpp"

namespace ginnel {

std::string MessageType::to_string() const {
  std::string text = (sequence ? "sequence of " : "") + name;
  if (size == 1 && sequence) return text;
  text += " (" + std::to_string(size) + " bytes";
  if (version != 0) text += ", version " + std::to_string(version);
  return text + ")";
}

}  // namespace ginnel
