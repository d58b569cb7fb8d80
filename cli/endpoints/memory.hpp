#pragma once

#include <cstdint>
#include <span>

#include "ginnel/core/address.hpp"
#include "ginnel/core/bytes.hpp"
#include "ginnel/core/result.hpp"
#include "ginnel/sys/mapping.hpp"

namespace ginnel::cli {

/// The whole of shm:, sysv-shm: or memfd:PID/FD, mapped. Use it by copy_from_shared and copy_to_shared: its owner may shrink
/// it.
[[nodiscard]] Result<ReadOnlyMapping> memory_to_read(const Address& address);
[[nodiscard]] Result<ReadWriteMapping> memory_to_write(const Address& address);

}  // namespace ginnel::cli
