#pragma once

#include <array>
#include <cstddef>

#include "ginnel/sys/io.hpp"
#include "tour/visit.hpp"

// What the stops of byte streams have in common.

namespace ginnel::cli::tour {

/// A small message, as most are.
using Ping = std::array<std::byte, 64>;

/// Everything up to the end of the stream.
[[nodiscard]] Message read_to_end(int fd);

/// Reads a ping and writes it back, until killed.
[[noreturn]] void echo_pings(int in, int out);
/// Writes a ping and reads it back.
void send_ping(int out, int in);

/// Kills the partner, which has the other ends of both descriptors, and states what is told then.
void watch_death_on_streams(Visit& visit, Partner& partner, int in, int out);

}  // namespace ginnel::cli::tour
