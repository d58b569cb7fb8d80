#pragma once

#include <string>
#include <utility>

#include "ginnel/sys/shared_folder.hpp"

namespace ginnel::detail {

/// The directory that named messaging objects live in: `asked`, or $GINNEL_HOME, or /dev/shm/ginnel-UID, which is made when missing
/// and must be the caller's alone. A directory that was asked for is for a group: its rights are its maker's choice.
/// Errors: as SharedFolder::open_or_create.
[[nodiscard]] Result<SharedFolder> open_home(const std::string& asked);

/// What somebody means to do with an object.
enum class Purpose { make, attach, remove };

/// The folder of an object, as `topic:robot%2Fpose`, with a lock on it: shared for those who come, until what they have put there keeps
/// it, and exclusive for who removes it. So nobody takes it away under the hands of another, however often he tries.
struct HeldFolder {
  SharedFolder home;
  SharedFolder folder;
  FolderLock lock;
  std::string folder_name;
  std::string address;  ///< `topic:robot/pose`
  bool is_new = false;  ///< made by this call
};
/// `home` as for open_home. Made when missing, by those who make. Errors: EINVAL, ENAMETOOLONG (the name), ENOENT (nobody has made it), EBUSY
/// (others keep the lock for 5 s; one of them must have been stopped), ESTALE (it is removed again and again), and as open_home.
[[nodiscard]] Result<HeldFolder> hold_object(const std::string& kind, const std::string& name, const std::string& home,
                                             Purpose purpose);
/// Of who has just made an object and then cannot come to it: the folder goes again at the end, with the one file that lies in every such
/// object, unless another has come meanwhile. Declared before whatever has the object's files open.
class [[nodiscard]] TakenBack {
 public:
  TakenBack(HeldFolder& held, std::string first_file) noexcept : held_{&held}, first_file_{std::move(first_file)} {}
  TakenBack(const TakenBack&) = delete;
  TakenBack& operator=(const TakenBack&) = delete;
  ~TakenBack();
  void keep() noexcept { held_ = nullptr; }

 private:
  HeldFolder* held_;
  std::string first_file_;
};

/// For its remover, when the folder is empty. Errors: ENOTEMPTY, EACCES.
[[nodiscard]] Result<void> remove_folder(const HeldFolder& held);

/// The rights of a file that a folder's users share: those of the folder without execution.
[[nodiscard]] Result<unsigned> file_mode_in(const SharedFolder& folder);

}  // namespace ginnel::detail
