#include "collect_messaging.hpp"
#include "messaging_homes.hpp"

namespace ginnel::inventory {
namespace {

constexpr std::string_view never_full = "a newer value takes the place of the last: nobody waits for room";

Member writer_of(const MessagingObject& object, const ValueFile& value) {
  Member member = object.member_of("value", Role::writer, value.status, value.locked, keeper_of(value.page));
  member.reliable = member.holds_back = Fact<bool>::missing("it is a writer");
  member.waiting = member.lost = Fact<std::uint64_t>::missing("it is a writer");
  if (!value.page) {
    member.capacity = member.messages = Fact<std::uint64_t>::missing(value.page.reason());
    return member;
  }
  member.capacity = value.page->longest;
  member.messages = value.page->version;
  member.type = value.page->type;
  return member;
}

Member reader_of(const MessagingObject& object, const ReaderFile& reader) {
  Member member = object.member_of(reader.name, Role::reader, reader.status, reader.locked, keeper_of(reader.page));
  member.reliable = member.holds_back = Fact<bool>::missing(never_full);
  member.waiting = member.lost = Fact<std::uint64_t>::missing("only the newest value counts");
  member.capacity = member.messages = Fact<std::uint64_t>::missing("it is a reader");
  return member;
}

void add_latest(Scene& scene, const LatestFiles& latest, const Possessions& possessions) {
  MessagingObject messaging{scene, Kind::latest, latest, possessions};
  Object& object = messaging.object();
  object.fill = Fact<Fill>::missing(latest.listed ? never_full : "may not be read");
  RolesOfFiles roles;
  std::vector<Fact<bool>> locks;
  ForeignFiles foreign{latest};
  for (const ReaderFile& reader : latest.readers) {
    object.members.push_back(reader_of(messaging, reader));
    roles.emplace(FileKey{reader.status.device, reader.status.inode}, Role::reader);
    locks.push_back(reader.locked);
    foreign.weigh(reader.name, reader.page);
  }
  if (const auto& value = latest.value) {
    object.members.push_back(writer_of(messaging, *value));
    roles.emplace(FileKey{value->status.device, value->status.inode}, Role::writer);
    locks.push_back(value->locked);
    foreign.weigh("value", value->page);
  }
  messaging.add_holders(roles);
  messaging.add_details(locks, {Role::writer, Role::reader});
  if (latest.value && latest.value->page)
    object.details.push_back({"version", std::to_string(latest.value->page->version)});
  foreign.add_to(object);
}

}  // namespace

void note_latests(Scene& scene) {
  for (const LatestFiles& latest : scene.spaces.homes().latests()) {
    const ObjectId id = id_of_folder(Kind::latest, latest.status);
    scene.note_messaging(id, latest);
    if (latest.value) scene.note_messaging_file(id, latest.value->status);
    if (latest.successor) scene.note_messaging_file(id, *latest.successor);
    for (const ReaderFile& reader : latest.readers) scene.note_messaging_file(id, reader.status);
  }
}

void collect_latests(Scene& scene, const Possessions& possessions) {
  for (const LatestFiles& latest : scene.spaces.homes().latests()) add_latest(scene, latest, possessions);
}

}  // namespace ginnel::inventory
