#pragma once

#include <cstdint>
#include <string>

#include "ginnel/inventory.hpp"

namespace ginnel::cli {

/// The inode of the IPC or network namespace that an object belongs to, or why it belongs to none.
[[nodiscard]] inventory::Fact<std::uint64_t> namespace_of(const inventory::Object& object);
/// Its name, or why it has none.
[[nodiscard]] inventory::Fact<std::string> name_of(const inventory::Object& object);

/// Of memory in a /dev/shm that the caller does not see itself, where it can be seen: `mount namespace 4026532211, pid 812`;
/// empty for everything else. Two objects of one name differ by that.
[[nodiscard]] std::string foreign_place(const inventory::Snapshot& snapshot, const inventory::Object& object);

/// Whether an object belongs to the namespace of this inode, or is held or awaited by a process in it.
[[nodiscard]] bool is_in_namespace(const inventory::Snapshot& snapshot, const inventory::Object& object,
                                   std::uint64_t inode);
/// Whether anybody who may be seen is in a namespace of this inode.
[[nodiscard]] bool is_namespace(const inventory::Snapshot& snapshot, std::uint64_t inode);

}  // namespace ginnel::cli
