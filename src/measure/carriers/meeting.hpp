#pragma once

#include <array>
#include <atomic>
#include <utility>

#include "ginnel/core/process_id.hpp"
#include "ginnel/measure/carrier.hpp"
#include "ginnel/sys/mapping.hpp"

namespace ginnel::measure {

/// Where the two processes of a measurement learn who the other is.
class Meeting {
 public:
  [[nodiscard]] static Result<Meeting> arrange() {
    auto memory = ReadWriteMapping::anonymous(Bytes{sizeof(Places)});
    if (!memory) return std::unexpected{std::move(memory.error())};
    return Meeting{std::move(*memory)};
  }
  [[nodiscard]] Result<void> come(Side side) {
    const auto self = Process::self();
    if (!self) return std::unexpected{self.error()};
    place_of(side).store(self->pid());
    return {};
  }
  /// After the other side has come.
  [[nodiscard]] Result<Process> other_of(Side side) { return Process::open(place_of(other(side)).load()); }

 private:
  using Places = std::array<std::atomic<pid_t>, 2>;
  explicit Meeting(ReadWriteMapping memory) noexcept : memory_{std::move(memory)} {}
  [[nodiscard]] std::atomic<pid_t>& place_of(Side side) noexcept {
    return (*reinterpret_cast<Places*>(memory_.bytes().data()))[static_cast<std::size_t>(side)];
  }
  ReadWriteMapping memory_;
};

}  // namespace ginnel::measure
