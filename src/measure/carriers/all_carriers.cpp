#include <fstream>

#include "kinds.hpp"

namespace ginnel::measure {

std::size_t setting(const char* path, std::size_t otherwise) {
  std::size_t value = 0;
  std::ifstream file{path};
  return file >> value ? value : otherwise;
}

std::span<const CarrierKind> all_carriers() {
  static const std::vector<CarrierKind> all = [] {
    std::vector<CarrierKind> kinds;
    add_streams(kinds);
    add_packets(kinds);
    add_queues(kinds);
    add_slots(kinds);
    add_signals(kinds);
    add_messaging(kinds);
    return kinds;
  }();
  return all;
}

std::string_view to_string(Manner manner) noexcept {
  switch (manner) {
    case Manner::sleeping:
      return "sleeping";
    case Manner::adaptive:
      return "adaptive";
    case Manner::polling:
      break;
  }
  return "polling";
}

std::optional<Manner> parse_manner(std::string_view text) noexcept {
  for (const Manner manner : {Manner::sleeping, Manner::adaptive, Manner::polling})
    if (text == to_string(manner)) return manner;
  return std::nullopt;
}

}  // namespace ginnel::measure
