#pragma once

#include <string>

#include "ginnel/sys/file_lock.hpp"
#include "ginnel/sys/shared_folder.hpp"

namespace ginnel::detail {

/// The directory that named messaging objects live in: `asked`, or $GINNEL_HOME, or /dev/shm/ginnel-UID, which is made when missing
/// and must be the caller's alone. A directory that was asked for is for a group: its rights are its maker's choice.
/// Errors: as SharedFolder::open_or_create.
[[nodiscard]] Result<SharedFolder> open_home(const std::string& asked);

/// The folder of one object in it, as `topic:robot%2Fpose`. Errors: EINVAL (the name), and as above.
[[nodiscard]] Result<SharedFolder> open_object_folder(const SharedFolder& home, const std::string& kind,
                                                      const std::string& name, bool create);

/// A lock on the folder of an object: shared by those who make what it holds and come to it, exclusive for who removes it. Without
/// it, one who removes again and again would take the folder away under the hands of all who come.
/// Errors: ENOENT (the folder has been removed), EBUSY (others keep the lock for 5 s; one of them must have been stopped).
[[nodiscard]] Result<FileLock> lock_object_folder(const SharedFolder& folder, const std::string& address,
                                                  LockMode mode);

/// `topic:robot%2Fpose`.
[[nodiscard]] std::string object_folder_name(const std::string& kind, const std::string& name);

/// The rights of a file that a folder's users share: those of the folder without execution.
[[nodiscard]] Result<unsigned> file_mode_in(const SharedFolder& folder);

}  // namespace ginnel::detail
