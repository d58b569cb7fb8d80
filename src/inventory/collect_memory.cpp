#include <algorithm>
#include <array>

#include "scene.hpp"

namespace ginnel::inventory {
namespace {

constexpr std::string_view semaphore_prefix = "sem.";
constexpr std::string_view memfd_prefix = "/memfd:";
constexpr std::string_view channel_path = "/memfd:ginnel-channel";  // docs/FORMAT.md: each end of a channel makes one

std::string_view last_part(std::string_view path) noexcept { return path.substr(path.rfind('/') + 1); }

bool is_shm(const Scene& scene, std::uint64_t device) { return scene.spaces.files().shm_devices.contains(device); }

/// `path` as the kernel or the directory names it.
Kind kind_of(const Scene& scene, std::uint64_t device, std::string_view path) {
  if (device == scene.landmarks.memory) return without_deleted_mark(path) == channel_path ? Kind::channel : Kind::memfd;
  return last_part(path).starts_with(semaphore_prefix) ? Kind::posix_semaphore : Kind::posix_shm;
}

std::string name_of(Kind kind, std::string_view path) {
  path = without_deleted_mark(path);
  if (kind == Kind::channel) return "ginnel-channel";
  if (kind == Kind::memfd) return std::string{path.starts_with(memfd_prefix) ? path.substr(memfd_prefix.size()) : path};
  const std::string_view name = last_part(path);
  if (kind == Kind::posix_semaphore) return "sem:/" + std::string{name.substr(semaphore_prefix.size())};
  return "shm:/" + std::string{name};
}

/// The files of topics, newest values and queues of ours are told with them.
bool is_of_messaging(const Scene& scene, const FileKey& file, std::string_view path) {
  if (scene.messaging_files.contains(file)) return true;
  const std::string_view folder = messaging_folder_of(path);
  return !folder.empty() && scene.messaging_folders.contains(std::pair{file.device, std::string{folder}});
}

Object& add(Scene& scene, const FileStatus& status, std::string_view path) {
  const Kind kind = kind_of(scene, status.device, path);
  const ObjectId id{
      .kind = kind, .device = status.device, .number = status.inode, .generation = file_generation(status)};
  scene.files.try_emplace(FileKey{status.device, status.inode}, id);
  Object& object = scene.objects.at(id);
  if (!object.name.empty()) return object;
  object.name = name_of(kind, path);
  const auto place = scene.spaces.files().shm_devices.find(status.device);
  if (place != scene.spaces.files().shm_devices.end())
    object.details.push_back({"mount-namespace", std::to_string(place->second.inode) + " (pid " +
                                                     std::to_string(place->second.member) + ")"});
  take_file_facts(object, status);
  object.creator = Fact<Creator>::missing("the kernel keeps no creator of a file");
  object.fill = Fill{.used = status.allocated, .capacity = status.size, .unit = Unit::bytes, .writer_blocks = false};
  if (kind == Kind::channel) object.fill = Fact<Fill>::missing("which two belong to one channel is not told");
  if (kind == Kind::memfd || kind == Kind::channel) {
    object.deleted = false;  // it never had a name
    const auto insight = scene.census.insights.find({status.device, status.inode});
    if (insight != scene.census.insights.end() && insight->second.seals) {
      std::string seals;
      for (const std::string& seal : *insight->second.seals) seals += (seals.empty() ? "" : " ") + seal;
      object.details.push_back({"seals", seals.empty() ? "none" : seals});
    }
  }
  return object;
}

void add_named(Scene& scene, const NamedFile& file) {
  Object& object = add(scene, file.status, file.path);
  if (!file.kernel_numbers) object.details.push_back(other_numbers);
  if (object.id.kind != Kind::posix_semaphore) return;
  if (!file.semaphore) {
    object.fill =
        Fact<Fill>::missing(file.status.size == 0 ? "the file is empty: its creator died half-way" : "may not be read");
    return;
  }
  object.fill = Fill{.used = std::uint64_t{file.semaphore->first},
                     .capacity = Fact<std::uint64_t>::missing("a semaphore has none"),
                     .unit = Unit::count,
                     .writer_blocks = false};
  object.details.push_back({"value", std::to_string(file.semaphore->first)});
  object.details.push_back({"waiting", std::to_string(file.semaphore->second)});
}

void add_mapping(Scene& scene, const MappedFile& mapping) {
  const bool is_memfd = mapping.device == scene.landmarks.memory && mapping.path.starts_with(memfd_prefix);
  if (!is_memfd && !is_shm(scene, mapping.device)) return;
  if (is_of_messaging(scene, {mapping.device, mapping.inode}, mapping.path)) return;
  const auto known = scene.files.find({mapping.device, mapping.inode});
  if (known == scene.files.end()) {
    FileStatus status;
    status.device = mapping.device;
    status.inode = mapping.inode;
    const MappedFile::Origin* origin = mapping.proven_origin();
    if (origin != nullptr) status = origin->status;
    Object& object = add(scene, status, mapping.path);
    if (origin == nullptr) {
      object.owner = object.group = object.mode = Fact<std::uint32_t>::missing("needs CAP_CHECKPOINT_RESTORE");
      object.changed = Fact<Time>::missing("needs CAP_CHECKPOINT_RESTORE");
      object.fill = Fact<Fill>::missing("needs CAP_CHECKPOINT_RESTORE");
    }
  }
  const ObjectId id = scene.files.at({mapping.device, mapping.inode});
  auto& holders = scene.objects.at(id).holders;
  const Holder holder{.pid = mapping.pid, .tid = mapping.pid, .fd = -1, .how = How::mapping, .access = mapping.access};
  // A file is mapped in several pieces where parts of it have other rights.
  if (holders.empty() || holders.back() != holder) holders.push_back(holder);
}

bool wants_memory(const Scene& scene) {
  return std::ranges::any_of(std::array{Kind::posix_shm, Kind::posix_semaphore, Kind::memfd, Kind::channel},
                             [&](Kind kind) { return scene.wants(kind); });
}

}  // namespace

void collect_memory(Scene& scene) {
  if (!wants_memory(scene)) return;
  for (const NamedFile& file : scene.spaces.files().shm) add_named(scene, file);
  for (const OpenFile& file : scene.census.files) {
    const bool is_memfd = file.status.device == scene.landmarks.memory && file.target.starts_with(memfd_prefix);
    if (file.status.type != FileType::regular || (!is_memfd && !is_shm(scene, file.status.device))) continue;
    if (is_of_messaging(scene, {file.status.device, file.status.inode}, file.target)) continue;
    const Object& object = add(scene, file.status, file.target);
    scene.hold(ObjectId{object.id}, file);
  }
  for (const MappedFile& mapping : scene.census.mappings) add_mapping(scene, mapping);
}

}  // namespace ginnel::inventory
