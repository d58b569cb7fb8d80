#pragma once

#include <string>
#include <string_view>

// Names that a thread gave to a system call, taken from the bytes of its memory: whatever is there, they give a name or none. Pure.

namespace ginnel::inventory {

/// The name in a struct sockaddr_un of that length, `@` before an abstract one; empty for other addresses. Source: unix(7).
[[nodiscard]] std::string socket_name_in(std::string_view address);
/// A path up to its zero byte; empty where there is none.
[[nodiscard]] std::string path_in(std::string_view memory);

}  // namespace ginnel::inventory
