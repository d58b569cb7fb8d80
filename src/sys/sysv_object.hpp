#pragma once

#include <sys/ipc.h>

#include <optional>
#include <string>
#include <string_view>

#include "ginnel/core/address.hpp"
#include "ginnel/sys/sysv_queue.hpp"

// What System V queues, semaphore sets and memory have in common.

namespace ginnel {

/// The object as an Error names it: its address, `sysv-msg:0x1234` or `sysv-msg:id=7`; for a private one `sysv-msg:private`.
[[nodiscard]] std::string sysv_object(AddressKind kind, std::optional<std::int32_t> key);
[[nodiscard]] std::string sysv_object(AddressKind kind, int id);

/// Key 0 is IPC_PRIVATE: with it each ...get call makes a new object, one that says "open" as well.
/// Errors: EINVAL.
[[nodiscard]] Result<void> check_sysv_key(std::string_view operation, const std::string& object,
                                          std::optional<std::int32_t> key);
/// Errors: EINVAL (more than permission bits).
[[nodiscard]] Result<void> check_sysv_mode(std::string_view operation, const std::string& object, mode_t mode);

/// An object found where one was to be made: another user could have made it first, and could read and remove it.
/// Errors: EEXIST (neither the caller's nor root's).
[[nodiscard]] Result<void> check_sysv_owner(std::string_view operation, const std::string& object,
                                            const ipc_perm& permissions);

}  // namespace ginnel
