#include "scene.hpp"

namespace ginnel::inventory {
namespace {

Fact<Fill> fill_of(const QueueFile& queue) {
  if (!queue.fill) return Fact<Fill>::missing("may not be read");
  return Fill{.used = static_cast<std::uint64_t>(queue.fill->messages_queued),
              .capacity = static_cast<std::uint64_t>(queue.fill->messages_max),
              .unit = Unit::messages,
              .writer_blocks = queue.fill->messages_queued >= queue.fill->messages_max};
}

void add_named(Scene& scene, std::uint64_t space, const QueueFile& queue) {
  const ObjectId id{
      .kind = Kind::posix_queue, .space = space, .device = queue.status.device, .number = queue.status.inode};
  scene.files.try_emplace(FileKey{queue.status.device, queue.status.inode}, id);
  Object& object = scene.objects.at(id);
  object.name = "mq:/" + queue.name;
  take_file_facts(object, queue.status);
  object.creator = Fact<Creator>::missing("the kernel keeps no creator of a queue");
  object.fill = fill_of(queue);
  if (queue.fill) object.details.push_back({"message-size", std::to_string(queue.fill->message_size)});
}

/// A queue that was unlinked while it is open.
Object& add_unlinked(Scene& scene, std::uint64_t space, const OpenFile& file) {
  const ObjectId id{
      .kind = Kind::posix_queue, .space = space, .device = file.status.device, .number = file.status.inode};
  scene.files.try_emplace(FileKey{file.status.device, file.status.inode}, id);
  Object& object = scene.objects.at(id);
  object.name = "mq:" + std::string{without_deleted_mark(file.target)};
  take_file_facts(object, file.status);
  object.creator = Fact<Creator>::missing("the kernel keeps no creator of a queue");
  object.fill = Fact<Fill>::missing("it has no name left to ask by");
  return object;
}

}  // namespace

void collect_queues(Scene& scene) {
  if (!scene.wants(Kind::posix_queue)) return;
  for (const auto& [space, seen] : scene.spaces.ipc()) {
    if (!seen.queue_device) continue;
    for (const QueueFile& queue : seen.queues) add_named(scene, space, queue);
    for (const OpenFile& file : scene.census.files) {
      if (file.status.device != *seen.queue_device || file.status.type != FileType::regular) continue;
      const auto known = scene.files.find({file.status.device, file.status.inode});
      const ObjectId id = known != scene.files.end() ? known->second : add_unlinked(scene, space, file).id;
      scene.hold(id, file);
    }
  }
}

}  // namespace ginnel::inventory
