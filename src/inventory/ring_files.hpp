#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ginnel::inventory {

/// The paths of the files that an io_uring keeps open for itself, from its fdinfo: its owner may have closed them long ago.
/// Pure. Source: io_uring_register(2), IORING_REGISTER_FILES.
[[nodiscard]] std::vector<std::string> files_of_ring(std::string_view fdinfo);

}  // namespace ginnel::inventory
