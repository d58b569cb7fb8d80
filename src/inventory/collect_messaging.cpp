#include "collect_messaging.hpp"

#include <optional>

namespace ginnel::inventory {
namespace {

std::optional<Wait> wait_on(const Object& object, const MessagingPart& part, pid_t pid, std::uint64_t offset) {
  if (part.what == MessagingPart::What::queue) {
    if (offset == queue_messages_at) return Wait::receive;
    if (offset == queue_room_at) return Wait::send;
  }
  if (part.what == MessagingPart::What::bell && (offset == bell_sleeping_at || offset == bell_room_at)) {
    if (object.id.kind == Kind::topic) return wait_on_topic(object, pid, offset);
    return Wait::receive;
  }
  return std::nullopt;
}

}  // namespace

void Scene::note_messaging_file(const ObjectId& id, const FileStatus& status, MessagingPart::What what) {
  messaging_files.try_emplace(FileKey{status.device, status.inode}, MessagingPart{id, what});
}

void Scene::note_messaging(const ObjectId& id, const MessagingFolder& folder) {
  messaging_folders.try_emplace(std::pair{folder.status.device, folder.folder}, id);
  if (folder.bell) note_messaging_file(id, *folder.bell, MessagingPart::What::bell);
}

void collect_messaging(Scene& scene) {
  note_topics(scene);
  note_latests(scene);
  note_queues(scene);
  const Possessions possessions = find_possessions(scene);
  if (scene.wants(Kind::topic)) collect_topics(scene, possessions);
  if (scene.wants(Kind::latest)) collect_latests(scene, possessions);
  if (scene.wants(Kind::queue)) collect_own_queues(scene, possessions);
}

bool add_wait_on_messaging(Scene& scene, const BlockedThread& blocked, const FutexWord& word) {
  if (!word.shared) return false;
  const auto part = scene.messaging_files.find({word.device, word.inode});
  if (part == scene.messaging_files.end()) return false;
  Object* object = scene.objects.find(part->second.object);
  if (object == nullptr) return false;
  const auto wait = wait_on(*object, part->second, blocked.pid, word.offset);
  if (!wait) return false;
  object->waiters.push_back(
      {.pid = blocked.pid,
       .tid = blocked.tid,
       .wait = *wait,
       .since = Fact<std::chrono::nanoseconds>::missing("it wakes every 50 ms to look whether others live")});
  return true;
}

}  // namespace ginnel::inventory
