#include "home.hpp"

#include <cerrno>
#include <chrono>
#include <cstdlib>

#include "ginnel/core/process_id.hpp"

namespace ginnel::detail {
namespace {

constexpr std::size_t name_max = 80;  // bytes: three times as many with every one escaped, and the kind before it
constexpr unsigned execute_bits = 0111;
/// To come takes a few system calls, and so does to remove.
constexpr std::chrono::seconds longest_hold{5};
/// Of which each would have to happen between two system calls of one who comes.
constexpr int most_removals = 256;

Result<void> check_name(const std::string& object, const std::string& name) {
  if (name.empty()) return std::unexpected{Error{EINVAL, "open", object, "a name has at least one byte"}};
  if (name.size() > name_max)
    return std::unexpected{
        Error{ENAMETOOLONG, "open", object,
              "a name has at most " + std::to_string(name_max) + " bytes, not " + std::to_string(name.size())}};
  for (const char c : name)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      return std::unexpected{Error{EINVAL, "open", object, "a name has no control characters"}};
  return {};
}

std::string escaped(const std::string& name) {
  std::string text;
  for (const char c : name) {
    if (c == '/')
      text += "%2F";
    else if (c == '%')
      text += "%25";
    else
      text += c;
  }
  return text;
}

}  // namespace

Result<SharedFolder> open_home(const std::string& asked) {
  constexpr unsigned by_its_maker = 0777;  // whatever rights it has, they were chosen
  if (!asked.empty()) return SharedFolder::open(asked, by_its_maker);
  if (const char* const home = std::getenv("GINNEL_HOME"); home != nullptr && *home != '\0')
    return SharedFolder::open_or_create(home);
  return SharedFolder::open_or_create("/dev/shm/ginnel-" + std::to_string(effective_user()));
}

Result<HeldFolder> hold_object(const std::string& kind, const std::string& name, const std::string& home,
                               Purpose purpose) {
  const std::string address = kind + ":" + name;
  if (auto good = check_name(address, name); !good) return std::unexpected{good.error()};
  auto place = open_home(home);
  if (!place) return std::unexpected{place.error()};
  const auto rights = file_status(place->descriptor());
  if (!rights) return std::unexpected{rights.error()};

  const std::string folder_name = kind + ":" + escaped(name);
  const bool makes = purpose == Purpose::make;
  for (int left = most_removals; left > 0; --left) {
    auto folder =
        makes ? place->open_or_create_below(folder_name, rights->mode) : place->open_below(folder_name, rights->mode);
    if (!folder && folder.error().code() == ENOENT && makes) continue;  // it was removed before it could be opened
    if (!folder && folder.error().code() == ENOENT)
      return std::unexpected{Error{ENOENT, "open", address, "nobody has made it in " + place->path()}};
    if (!folder) return std::unexpected{folder.error()};

    const bool is_new = folder->is_new();
    const LockMode mode = purpose == Purpose::remove ? LockMode::exclusive : LockMode::shared;
    auto lock = folder->lock(mode, Deadline::after(longest_hold));
    if (!lock) return std::unexpected{lock.error()};
    if (!lock->is<FolderLock>())
      return std::unexpected{Error{EBUSY, "lock", address, "somebody is just coming to it, or removing it"}};
    const auto status = file_status(folder->descriptor());
    if (!status) return std::unexpected{status.error()};
    if (status->links == 0) continue;  // it was removed before it could be locked
    return HeldFolder{.home = std::move(*place),
                      .folder = std::move(*folder),
                      .lock = std::move(lock->as<FolderLock>()),
                      .folder_name = folder_name,
                      .address = address,
                      .is_new = is_new};
  }
  return std::unexpected{Error{ESTALE, "open", address, "it is removed again and again at this very moment"}};
}

TakenBack::~TakenBack() {
  if (held_ == nullptr || !held_->is_new || !held_->lock.is_alone_now()) return;
  if (remove_folder(*held_)) return;
  const auto rights = file_status(held_->home.descriptor());
  if (!rights || first_file_.empty()) return;
  const auto folder = held_->home.open_below(held_->folder_name, rights->mode);
  if (!folder) return;
  // Whoever is there has a file of his own, and while the folder is held nobody comes.
  bool is_alone = true;
  const auto listed = folder->for_each([&](const char* name, FileType) {
    is_alone = is_alone && name == first_file_;
    return is_alone;
  });
  if (!listed || !is_alone || !folder->remove(first_file_)) return;
  static_cast<void>(remove_folder(*held_));
}

Result<void> remove_folder(const HeldFolder& held) { return held.home.remove_folder(held.folder_name); }

Result<unsigned> file_mode_in(const SharedFolder& folder) {
  const auto status = file_status(folder.descriptor());
  if (!status) return std::unexpected{status.error()};
  return status->mode & 0777U & ~execute_bits;
}

}  // namespace ginnel::detail
