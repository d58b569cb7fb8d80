#include "collect_messaging.hpp"
#include "messaging_homes.hpp"

namespace ginnel::inventory {
namespace {

Member participant_of(const MessagingObject& object, const QueueFiles& queue, const QueueParticipant& participant) {
  Member member = object.member_of(std::to_string(participant.number), Role::participant, *queue.file,
                                   participant.locked, participant.keeper);
  member.reliable = member.holds_back = Fact<bool>::missing("no participant of a queue waits for a certain other one");
  member.waiting = member.capacity = member.messages = member.lost =
      Fact<std::uint64_t>::missing("a queue keeps no account of each participant");
  member.held = queue.counts ? Fact<std::uint64_t>{queue.counts->held_by.at(participant.number)}
                             : Fact<std::uint64_t>::missing(queue.counts.reason());
  return member;
}

/// A place is taken until its message is acknowledged.
Fact<Fill> fill_of(const QueueFiles& queue) {
  if (!queue.listed) return Fact<Fill>::missing("may not be read");
  if (!queue.file) return Fact<Fill>::missing("nobody has put its file there yet");
  if (!queue.counts) return Fact<Fill>::missing(queue.counts.reason());
  return Fill{.used = queue.counts->all(),
              .capacity = queue.page->slots,
              .unit = Unit::messages,
              .writer_blocks = queue.counts->all() >= queue.page->slots};
}

void add_queue(Scene& scene, const QueueFiles& queue, const Possessions& possessions) {
  MessagingObject messaging{scene, Kind::queue, queue, possessions};
  Object& object = messaging.object();
  object.fill = fill_of(queue);
  for (const QueueParticipant& participant : queue.participants)
    object.members.push_back(participant_of(messaging, queue, participant));
  RolesOfFiles roles;
  std::vector<Fact<bool>> locks;
  ForeignFiles foreign{queue};
  if (queue.file) {
    roles.emplace(FileKey{queue.file->device, queue.file->inode}, Role::participant);
    locks.push_back(queue.locked);
    foreign.weigh("queue", queue.page);
  }
  messaging.add_holders(roles);
  messaging.add_details(locks, {Role::participant});
  if (queue.page) {
    object.details.push_back({"type", queue.page->type});
    object.details.push_back({"priorities", std::to_string(queue.page->priorities)});
    object.details.push_back({"places-for-participants", std::to_string(queue.page->participants)});
  }
  if (queue.counts) {
    object.details.push_back({"waiting", std::to_string(queue.counts->waiting)});
    object.details.push_back({"not-acknowledged", std::to_string(queue.counts->held)});
  }
  foreign.add_to(object);
}

}  // namespace

void note_queues(Scene& scene) {
  for (const QueueFiles& queue : scene.spaces.homes().queues()) {
    const ObjectId id = id_of_folder(Kind::queue, queue.status);
    scene.note_messaging(id, queue);
    if (queue.file) scene.note_messaging_file(id, *queue.file, MessagingPart::What::queue);
  }
}

void collect_own_queues(Scene& scene, const Possessions& possessions) {
  for (const QueueFiles& queue : scene.spaces.homes().queues()) add_queue(scene, queue, possessions);
}

}  // namespace ginnel::inventory
