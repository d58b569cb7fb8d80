#include <algorithm>

#include "collect_messaging.hpp"
#include "scene.hpp"

namespace ginnel::inventory {
namespace {

bool lives(const Snapshot& snapshot, const Keeper& keeper, const Fact<bool>& locked) {
  const auto life = life_of(snapshot, keeper, locked);
  return life && *life == Life::alive;
}

/// Where the living readers stand in one ring.
struct RingUse {
  std::uint64_t waiting = 0;  ///< bytes that the slowest reliable one has not read
  std::uint64_t limit = 0;    ///< the writer may go no further; only with `is_held`
  bool is_held = false;       ///< there is a reliable one
};

class Accounts {
 public:
  Accounts(const Snapshot& snapshot, const TopicFiles& topic) : snapshot_{snapshot}, topic_{topic} {}

  [[nodiscard]] RingUse use_of(const TopicRing& ring) const {
    RingUse use;
    for (const ReaderFile& reader : topic_.readers) {
      if (!reader.page || !reader.page->reliable || !lives(snapshot_, reader.page->keeper, reader.locked)) continue;
      const auto place = place_in(*reader.page, *ring.page, ring.number);
      if (!place) continue;
      use.waiting = std::max(use.waiting, behind(ring, *place));
      const std::uint64_t limit = *place + ring.page->capacity;
      use.limit = use.is_held ? std::min(use.limit, limit) : limit;
      use.is_held = true;
    }
    return use;
  }

  [[nodiscard]] static std::uint64_t behind(const TopicRing& ring, std::uint64_t place) noexcept {
    return place >= ring.end.position ? 0 : std::min(ring.end.position - place, ring.page->capacity);
  }
  /// With the word of the record after it, which has to be free too.
  [[nodiscard]] static bool has_room(const TopicRing& ring, std::uint64_t limit) noexcept {
    return ring.end.position + ring.page->record_bytes(ring.page->payload) + ring.page->alignment <= limit;
  }
  [[nodiscard]] bool has_living_writer(const TopicRing& ring) const {
    return ring.page && lives(snapshot_, ring.page->keeper, ring.locked);
  }
  [[nodiscard]] bool is_blocked(const TopicRing& ring) const {
    if (!has_living_writer(ring)) return false;
    const RingUse use = use_of(ring);
    return use.is_held && !has_room(ring, use.limit);
  }

  /// Of the fullest ring; of one whose writer has to wait where there is one.
  [[nodiscard]] Fact<Fill> fill() const {
    Fact<Fill> fullest = Fact<Fill>::missing("no writer is there");
    const auto part = [](const Fill& fill) {
      return static_cast<double>(*fill.used) / static_cast<double>(*fill.capacity);
    };
    for (const TopicRing& ring : topic_.rings) {
      if (!ring.page) {
        if (!fullest) fullest = Fact<Fill>::missing(ring.page.reason());
        continue;
      }
      const Fill fill{.used = use_of(ring).waiting,
                      .capacity = ring.page->capacity,
                      .unit = Unit::bytes,
                      .writer_blocks = is_blocked(ring)};
      const auto rank = [&](const Fill& one) { return std::pair{*one.writer_blocks, part(one)}; };
      if (!fullest || rank(fill) > rank(*fullest)) fullest = fill;
    }
    return fullest;
  }

 private:
  const Snapshot& snapshot_;
  const TopicFiles& topic_;
};

Member writer_of(const MessagingObject& object, const Accounts& accounts, const TopicRing& ring) {
  Member member = object.member_of(ring.name, Role::writer, ring.status, ring.locked, keeper_of(ring.page));
  member.reliable = Fact<bool>::missing("it is a writer");
  member.holds_back = Fact<bool>::missing("it is a writer");
  member.lost = Fact<std::uint64_t>::missing("it is a writer");
  if (!ring.page) {
    member.waiting = member.capacity = member.messages = Fact<std::uint64_t>::missing(ring.page.reason());
    return member;
  }
  member.waiting = accounts.use_of(ring).waiting;
  member.capacity = ring.page->capacity;
  member.messages = ring.end.count;
  member.type = ring.page->type;
  return member;
}

Member reader_of(const MessagingObject& object, const Accounts& accounts, const TopicFiles& topic,
                 const ReaderFile& reader) {
  Member member = object.member_of(reader.name, Role::reader, reader.status, reader.locked, keeper_of(reader.page));
  member.capacity = member.messages = Fact<std::uint64_t>::missing("it is a reader");
  if (!reader.page) {
    member.reliable = member.holds_back = Fact<bool>::missing(reader.page.reason());
    member.waiting = member.lost = Fact<std::uint64_t>::missing(reader.page.reason());
    return member;
  }
  std::uint64_t waiting = 0;
  std::uint64_t lost = 0;
  bool holds_back = false;
  for (const TopicRing& ring : topic.rings) {
    if (!ring.page) continue;
    const auto place = place_in(*reader.page, *ring.page, ring.number);
    if (!place) continue;
    waiting += Accounts::behind(ring, *place);
    const bool is_full = !Accounts::has_room(ring, *place + ring.page->capacity);
    holds_back =
        holds_back || (member.is_alive() && reader.page->reliable && is_full && accounts.has_living_writer(ring));
    const ReaderPage::Cursor& cursor = reader.page->cursors.at(ring.number);
    if (cursor.incarnation != ring.page->incarnation) continue;
    lost += cursor.lost;
    member.reads.push_back(ring.name);
  }
  member.reliable = reader.page->reliable;
  member.holds_back = holds_back;
  member.waiting = waiting;
  member.lost = lost;
  return member;
}

void add_topic(Scene& scene, const TopicFiles& topic, const Possessions& possessions) {
  MessagingObject messaging{scene, Kind::topic, topic, possessions};
  Object& object = messaging.object();
  const Accounts accounts{scene.snapshot, topic};
  object.fill = topic.listed ? accounts.fill() : Fact<Fill>::missing("may not be read");
  RolesOfFiles roles;
  std::vector<Fact<bool>> locks;
  ForeignFiles foreign{topic};
  for (const ReaderFile& reader : topic.readers) {
    object.members.push_back(reader_of(messaging, accounts, topic, reader));
    roles.emplace(FileKey{reader.status.device, reader.status.inode}, Role::reader);
    locks.push_back(reader.locked);
    foreign.weigh(reader.name, reader.page);
  }
  for (const TopicRing& ring : topic.rings) {
    object.members.push_back(writer_of(messaging, accounts, ring));
    roles.emplace(FileKey{ring.status.device, ring.status.inode}, Role::writer);
    locks.push_back(ring.locked);
    foreign.weigh(ring.name, ring.page);
  }
  messaging.add_holders(roles);
  messaging.add_details(locks, {Role::writer, Role::reader});
  foreign.add_to(object);
}

/// A writer that nobody reads yet sleeps on the same word as one that waits for room.
bool is_read(const Object& topic, pid_t writer) {
  const auto has_reader = [&](const Member& ring) {
    return std::ranges::any_of(topic.members, [&](const Member& reader) {
      return reader.is_alive() && std::ranges::find(reader.reads, ring.name) != reader.reads.end();
    });
  };
  return std::ranges::any_of(topic.members, [&](const Member& member) {
    return member.role == Role::writer && member.pid && *member.pid == writer && has_reader(member);
  });
}

}  // namespace

void note_topics(Scene& scene) {
  for (const TopicFiles& topic : scene.spaces.homes().topics()) {
    const ObjectId id = id_of_folder(Kind::topic, topic.status);
    scene.note_messaging(id, topic);
    for (const TopicRing& ring : topic.rings) scene.note_messaging_file(id, ring.status);
    for (const ReaderFile& reader : topic.readers) scene.note_messaging_file(id, reader.status);
  }
}

void collect_topics(Scene& scene, const Possessions& possessions) {
  for (const TopicFiles& topic : scene.spaces.homes().topics()) add_topic(scene, topic, possessions);
}

Wait wait_on_topic(const Object& topic, pid_t pid, std::uint64_t offset) {
  if (offset == bell_sleeping_at) return Wait::receive;
  return is_read(topic, pid) ? Wait::send : Wait::open;
}

}  // namespace ginnel::inventory
