#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "ginnel/msg/channel.hpp"
#include "hostile/victim.hpp"

namespace ginnel::hostile {

/// A message that shows whether it is the one that was sent.
struct Sealed {
  std::uint64_t number;
  std::array<std::uint64_t, 30> words;
  std::uint64_t sum;

  [[nodiscard]] static Sealed of(std::uint64_t number) noexcept;
  [[nodiscard]] bool is_whole() const noexcept;
};

/// The victim's link to its honest peer: nothing that happens on others may touch it.
class HonestLink {
 public:
  explicit HonestLink(const Scene& scene);
  /// There and back.
  void exchange();

 private:
  const Scene& scene_;
  std::uint64_t number_ = 0;
  std::optional<Channel<Sealed>> channel_;
};

/// The honest peer: sends back what comes, with a number that is one more.
void send_back(const Scene& scene);

}  // namespace ginnel::hostile
