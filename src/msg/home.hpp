#pragma once

#include <string>

#include "ginnel/sys/shared_folder.hpp"

namespace ginnel::detail {

/// The directory that named messaging objects live in: `asked`, or $GINNEL_HOME, or /dev/shm/ginnel-UID, which is made when missing
/// and must be the caller's alone. A directory that was asked for is for a group: its rights are its maker's choice.
/// Errors: as SharedFolder::open_or_create.
[[nodiscard]] Result<SharedFolder> open_home(const std::string& asked);

/// The folder of one object in it, as `topic:robot%2Fpose`. Errors: EINVAL (the name), and as above.
[[nodiscard]] Result<SharedFolder> open_object_folder(const SharedFolder& home, const std::string& kind,
                                                      const std::string& name, bool create);

/// `topic:robot%2Fpose`.
[[nodiscard]] std::string object_folder_name(const std::string& kind, const std::string& name);

/// The rights of a file that a folder's users share: those of the folder without execution.
[[nodiscard]] Result<unsigned> file_mode_in(const SharedFolder& folder);

}  // namespace ginnel::detail
