#include "harmless.hpp"

namespace ginnel::cli {

std::string harmless(std::string_view text) {
  std::string shown{text};
  for (char& byte : shown)
    if ((static_cast<unsigned char>(byte) < 0x20 && byte != '\n') || byte == 0x7f) byte = '?';
  return shown;
}

}  // namespace ginnel::cli
