#include "scene.hpp"

namespace ginnel::inventory {
namespace {

Fact<Fill> fill_of(const Scene& scene, const FileKey& key) {
  const auto insight = scene.census.insights.find(key);
  if (insight == scene.census.insights.end() || !insight->second.pipe)
    return Fact<Fill>::missing(scene.census.pipes_by_program ? "it was closed before the kernel was asked"
                                                             : "no end of it may be looked into");
  const PipeStatus& pipe = *insight->second.pipe;
  return Fill{
      .used = pipe.waiting,
      .capacity = pipe.capacity,
      .unit = Unit::bytes,
      .writer_blocks = pipe.full ? Fact<bool>{*pipe.full} : Fact<bool>::missing("no writing end may be looked into")};
}

/// More than holders can be seen: ends in flight, or of processes that may not be looked into.
void add_ends(const Scene& scene, Object& object, const FileKey& key) {
  const auto insight = scene.census.insights.find(key);
  if (insight == scene.census.insights.end() || !insight->second.ends) return;
  object.details.push_back({"readers", std::to_string(insight->second.ends->first)});
  object.details.push_back({"writers", std::to_string(insight->second.ends->second)});
}

ObjectId id_of(const Scene& scene, const OpenFile& file) {
  if (file.status.device == scene.landmarks.pipes)
    return {.kind = Kind::pipe, .device = file.status.device, .number = file.status.inode};
  return {.kind = Kind::fifo,
          .device = file.status.device,
          .number = file.status.inode,
          .generation = file_generation(file.status)};
}

Object& add_fifo(Scene& scene, const FileStatus& status, const std::string& path) {
  const ObjectId id{
      .kind = Kind::fifo, .device = status.device, .number = status.inode, .generation = file_generation(status)};
  scene.files.try_emplace(FileKey{status.device, status.inode}, id);
  Object& object = scene.objects.at(id);
  if (object.name.empty()) object.name = "fifo:" + path;
  take_file_facts(object, status);
  object.creator = Fact<Creator>::missing("the kernel keeps no creator of a file");
  return object;
}

}  // namespace

void collect_pipes(Scene& scene) {
  for (const OpenFile& file : scene.census.files) {
    if (file.status.type != FileType::fifo) continue;
    const ObjectId id = id_of(scene, file);
    if (!scene.wants(id.kind)) continue;
    Object* object = scene.objects.find(id);
    if (object == nullptr) {
      if (id.kind == Kind::fifo) add_fifo(scene, file.status, std::string{without_deleted_mark(file.target)});
      object = &scene.objects.at(id);
      object->fill = fill_of(scene, {file.status.device, file.status.inode});
      add_ends(scene, *object, {file.status.device, file.status.inode});
      if (id.kind == Kind::pipe) {
        take_file_facts(*object, file.status);
        object->deleted = false;  // it never had a name
        object->creator = Fact<Creator>::missing("the kernel keeps no creator of a pipe");
      }
    }
    scene.hold(id, file);
  }
  if (!scene.wants(Kind::fifo)) return;
  for (const NamedFile& file : scene.spaces.files().paths) {
    if (file.status.type != FileType::fifo || scene.files.contains({file.status.device, file.status.inode})) continue;
    Object& object = add_fifo(scene, file.status, file.path);
    object.fill = Fact<Fill>::missing("nobody is seen to have it open");
  }
  for (const BlockedThread& blocked : scene.census.blocked)
    if (blocked.opening) static_cast<void>(add_fifo(scene, blocked.opening->second, blocked.opening->first));
}

}  // namespace ginnel::inventory
