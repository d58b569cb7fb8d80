#include "given_names.hpp"

#include <cstdint>
#include <cstring>

namespace ginnel::inventory {

std::string socket_name_in(std::string_view address) {
  constexpr std::uint16_t unix_family = 1;  // AF_UNIX
  std::uint16_t family = 0;
  if (address.size() <= sizeof family) return {};
  std::memcpy(&family, address.data(), sizeof family);
  if (family != unix_family) return {};
  address.remove_prefix(sizeof family);
  if (address.front() == '\0') return address.size() == 1 ? std::string{} : "@" + std::string{address.substr(1)};
  return std::string{address.substr(0, address.find('\0'))};
}

std::string path_in(std::string_view memory) {
  const std::size_t end = memory.find('\0');
  return end == std::string_view::npos ? std::string{} : std::string{memory.substr(0, end)};
}

}  // namespace ginnel::inventory
