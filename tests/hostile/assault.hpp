#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

#include "channel_link.hpp"
#include "hostile/scribbler.hpp"
#include "hostile/victim.hpp"

namespace ginnel::hostile {

/// A hostile end of a channel: it writes into the memory that its peer reads, and notes to the socket, until the peer closes or it has
/// done enough.
class Assault {
 public:
  /// `lengths`: of payloads that the peer takes for possible.
  Assault(const Scene& scene, detail::ChannelLink link, std::vector<std::uint32_t> lengths, Random& random);
  void run();

 private:
  enum class Noise : std::uint8_t { none, knocks, any };
  [[nodiscard]] std::span<std::byte> memory() const noexcept;
  /// So that there is much to read, which changes then.
  void fill_ring();
  void send_note(Noise noise);
  /// Where the peer reads, as far as it tells.
  [[nodiscard]] std::size_t place_of_peer() const noexcept;

  const Scene& scene_;
  detail::ChannelLink link_;
  std::vector<std::uint32_t> lengths_;
  Random& random_;
  Scribbler scribbler_;
};

}  // namespace ginnel::hostile
