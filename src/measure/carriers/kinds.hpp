#pragma once

#include <cerrno>
#include <string_view>
#include <vector>

#include "ginnel/core/deadline.hpp"
#include "ginnel/measure/carrier.hpp"

// The carriers by family. Each family is a file; all_carriers.cpp lists them.

namespace ginnel::measure {

void add_streams(std::vector<CarrierKind>& kinds);
void add_packets(std::vector<CarrierKind>& kinds);
void add_queues(std::vector<CarrierKind>& kinds);
void add_slots(std::vector<CarrierKind>& kinds);
void add_signals(std::vector<CarrierKind>& kinds);
void add_messaging(std::vector<CarrierKind>& kinds);

/// A number that the kernel keeps in a file of /proc/sys; `otherwise` where it cannot be read.
[[nodiscard]] std::size_t setting(const char* path, std::size_t otherwise);

/// A polling side asks and comes back at once; any other waits in the call for as long as it takes.
[[nodiscard]] inline Deadline patience_of(Manner manner) noexcept {
  return manner == Manner::polling ? Deadline::immediately() : Deadline::never();
}

[[nodiscard]] inline Error peer_gone(std::string_view operation) { return Error{EPIPE, operation, "the other side"}; }

}  // namespace ginnel::measure
