#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "../figures.hpp"
#include "../peers/touch.hpp"

namespace ginnel::bench {

[[nodiscard]] std::vector<Figure> bare_figures();
[[nodiscard]] std::vector<Figure> topic_figures();
[[nodiscard]] std::vector<Figure> channel_figures();
[[nodiscard]] std::vector<Figure> queue_figures();
/// Of the mechanisms in bench/peers that are built and can run here.
[[nodiscard]] std::vector<Figure> peer_figures();

template <std::size_t Size>
struct Payload {
  std::array<std::byte, Size> bytes;
};

/// What was copied out is taken for used.
template <class T>
void use(const T& message) noexcept {
  asm volatile("" : : "r"(&message) : "memory");
}

}  // namespace ginnel::bench
