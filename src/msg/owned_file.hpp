#pragma once

#include <string>

#include "format.hpp"
#include "ginnel/sys/file_lock.hpp"
#include "ginnel/sys/shared_folder.hpp"

// Whoever keeps a file holds a lock on it, which the kernel takes away at its death: that, and no time that passes, says that it
// has gone. A child of fork(2) inherits the lock; the stamp in the file tells then that its parent has ended.

namespace ginnel::detail {

inline constexpr ByteRange owner_range{.start = 0, .length = 1};

/// Locks a file that has no name yet, for its keeper.
[[nodiscard]] Result<RangeLocks> take_ownership(UniqueFd file);

/// Whether its keeper has gone: closed it, or died.
[[nodiscard]] bool owner_is_gone(const RangeLocks& file, const OwnerStamp& owner);

}  // namespace ginnel::detail
