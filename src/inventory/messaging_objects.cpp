#include "messaging_objects.hpp"

#include <algorithm>
#include <utility>

#include "messaging_homes.hpp"
#include "words.hpp"

namespace ginnel::inventory {
namespace {

/// The object that a file belongs to, also a file whose name is gone and that somebody still has.
const ObjectId* object_of(const Scene& scene, const FileKey& key, std::string_view path) {
  const auto part = scene.messaging_files.find(key);
  if (part != scene.messaging_files.end()) return &part->second.object;
  const auto folder = scene.messaging_folders.find(std::pair{key.device, std::string{messaging_folder_of(path)}});
  return folder == scene.messaging_folders.end() ? nullptr : &folder->second;
}

bool is_locked_by(const OpenFile& file) {
  for (std::string_view lines = file.info; !lines.empty();) {
    std::string_view line = take_line(lines);
    if (take_until(line, ':') != "lock") continue;
    const auto lock = parse_lock_line(line);
    if (lock && is_messaging_lock(*lock)) return true;
  }
  return false;
}

Access access_of(Role role) noexcept {
  switch (role) {
    case Role::writer:
      return Access::write;
    case Role::reader:
      return Access::read;
    case Role::participant:
      return Access::read_write;
  }
  return Access::none;
}

std::string_view key_of_count(Role role, bool alive) noexcept {
  switch (role) {
    case Role::writer:
      return alive ? "writers" : "dead-writers";
    case Role::reader:
      return alive ? "readers" : "dead-readers";
    case Role::participant:
      return alive ? "participants" : "dead-participants";
  }
  return "?";
}

}  // namespace

bool is_messaging_lock(const LockLine& lock) noexcept { return lock.kind == "OFDLCK"; }

Possessions find_possessions(Scene& scene) {
  Possessions found;
  for (const OpenFile& file : scene.census.files) {
    if (file.status.type != FileType::regular) continue;
    const FileKey key{file.status.device, file.status.inode};
    const ObjectId* object = object_of(scene, key, file.target);
    if (object == nullptr) continue;
    scene.object_of[static_cast<std::size_t>(&file - scene.census.files.data())] = *object;
    const bool locks = is_locked_by(file);
    found[*object].push_back({.holder = {.pid = file.pid,
                                         .tid = file.tid,
                                         .fd = file.fd,
                                         .how = locks ? How::lock : How::descriptor,
                                         .access = file.access},
                              .locked = locks ? std::optional{key} : std::nullopt});
  }
  for (const MappedFile& mapping : scene.census.mappings) {
    const ObjectId* object = object_of(scene, {mapping.device, mapping.inode}, mapping.path);
    if (object != nullptr)
      found[*object].push_back(
          {.holder = {.pid = mapping.pid, .tid = mapping.pid, .fd = -1, .how = How::mapping, .access = mapping.access},
           .locked = {}});
  }
  return found;
}

MessagingObject::MessagingObject(Scene& scene, Kind kind, const MessagingFolder& folder, const Possessions& possessions)
    : snapshot_{scene.snapshot}, folder_{folder}, object_{scene.objects.at(id_of_folder(kind, folder.status))} {
  static const std::vector<Possession> none;
  const auto known = possessions.find(object_.id);
  possessions_ = known == possessions.end() ? &none : &known->second;
  object_.name = folder.name;
  take_file_facts(object_, folder.status);
  object_.deleted = false;  // a directory has other numbers of links
  object_.creator =
      Fact<Creator>::missing("whoever comes first makes it, and the kernel keeps no creator of a directory");
  object_.details.push_back({"folder", folder.folder});
}

Fact<pid_t> MessagingObject::pid_of(const Keeper& keeper, const FileStatus& file) const {
  if (is_numbered_here(snapshot_, keeper)) return keeper.pid;
  const std::optional<FileKey> key{FileKey{file.device, file.inode}};
  const auto has_lock = std::ranges::find(*possessions_, key, &Possession::locked);
  if (has_lock != possessions_->end()) return has_lock->holder.pid;
  return Fact<pid_t>::missing("of a pid namespace that is not seen from here");
}

Member MessagingObject::member_of(const std::string& name, Role role, const FileStatus& file, const Fact<bool>& locked,
                                  const Fact<Keeper>& keeper) const {
  Member member;
  member.name = name;
  member.role = role;
  if (keeper) {
    member.pid = pid_of(*keeper, file);
    member.life = life_of(snapshot_, *keeper, locked);
  } else {
    member.pid = Fact<pid_t>::missing(keeper.reason());
    member.life = Fact<Life>::missing(keeper.reason());
  }
  return member;
}

void MessagingObject::add_holders(const RolesOfFiles& roles) {
  std::vector<pid_t> known;
  for (const Possession& one : *possessions_) {
    const auto role = one.locked ? roles.find(*one.locked) : roles.end();
    if (role == roles.end()) continue;
    Holder holder = one.holder;
    holder.access = access_of(role->second);
    object_.holders.push_back(holder);
    known.push_back(holder.pid);
  }
  // Who may not be looked into has signed all the same.
  for (const Member& member : object_.members) {
    if (!member.is_alive() || !member.pid || snapshot_.process(*member.pid) == nullptr) continue;
    if (std::ranges::find(known, *member.pid) != known.end()) continue;
    object_.holders.push_back(
        {.pid = *member.pid, .tid = *member.pid, .fd = -1, .how = How::lock, .access = access_of(member.role)});
  }
  for (const Holder& holder : object_.holders) known.push_back(holder.pid);
  for (const Possession& one : *possessions_) {
    if (std::ranges::find(known, one.holder.pid) != known.end()) continue;
    if (object_.holders.empty() || object_.holders.back() != one.holder) object_.holders.push_back(one.holder);
  }
}

void MessagingObject::add_details(const std::vector<Fact<bool>>& locks, const std::vector<Role>& roles) {
  const bool all_told = folder_.listed && !folder_.truncated && std::ranges::all_of(locks, &Fact<bool>::known);
  const bool any_held = std::ranges::any_of(locks, [](const Fact<bool>& locked) { return locked.value_or(false); });
  object_.details.push_back({"owner-lock", any_held ? "held" : all_told ? "free" : "unknown"});
  for (const bool alive : {true, false})
    for (const Role role : roles) {
      const auto count = std::ranges::count_if(object_.members, [&](const Member& member) {
        return member.role == role && member.life && member.is_alive() == alive;
      });
      object_.details.push_back({key_of_count(role, alive), std::to_string(count)});
    }
}

ForeignFiles::ForeignFiles(const MessagingFolder& folder) {
  for (const std::string& name : folder.strangers) add(name, "it does not belong there");
}

void ForeignFiles::add(const std::string& name, std::string_view why) {
  text_ += (text_.empty() ? "" : "; ") + text_at(name, 0, name.size()) + ": " + std::string{why};
}

void ForeignFiles::add_to(Object& object) const {
  if (!text_.empty()) object.details.push_back({"not-understood", text_});
}

}  // namespace ginnel::inventory
