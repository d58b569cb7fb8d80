#include <algorithm>
#include <array>
#include <set>

#include "ginnel/sys/foreign_descriptor.hpp"
#include "scene.hpp"
#include "words.hpp"

namespace ginnel::inventory {
namespace {

struct NamedKind {
  std::string_view target;  ///< as /proc/PID/fd shows it
  Kind kind;
};
constexpr std::array anonymous_kinds{
    NamedKind{"anon_inode:[eventfd]", Kind::eventfd}, NamedKind{"anon_inode:[eventpoll]", Kind::epoll},
    NamedKind{"anon_inode:[signalfd]", Kind::signalfd}, NamedKind{"anon_inode:[timerfd]", Kind::timerfd}};

std::optional<Kind> kind_of(const OpenFile& file) {
  const auto* const known = std::ranges::find(anonymous_kinds, file.target, &NamedKind::target);
  if (known == anonymous_kinds.end()) return std::nullopt;
  return known->kind;
}

Fact<Fill> fill_of(Kind kind, const OpenFile& file) {
  if (kind != Kind::eventfd) return Fact<Fill>::missing("it holds no data");
  const auto count = value_of(file.info, "eventfd-count");
  const auto value = count ? to_number<std::uint64_t>(*count, 16) : std::nullopt;
  if (!value) return Fact<Fill>::missing("fdinfo may not be read");
  constexpr std::uint64_t count_max = 0xffff'ffff'ffff'fffe;
  return Fill{.used = *value, .capacity = count_max, .unit = Unit::count, .writer_blocks = *value == count_max};
}

void add_details(Object& object, const OpenFile& file) {
  constexpr std::array<std::string_view, 6> told{"sigmask",  "clockid",     "ticks",
                                                 "it_value", "it_interval", "eventfd-semaphore"};
  for (const std::string_view key : told)
    if (const auto value = value_of(file.info, key)) object.details.push_back({key, std::string{*value}});
  if (object.id.kind == Kind::epoll) {
    std::size_t watched = 0;
    for (std::string_view lines = file.info; !lines.empty();) watched += take_line(lines).starts_with("tfd:") ? 1 : 0;
    object.details.push_back({"watches", std::to_string(watched)});
  }
}

/// These share one inode, and only eventfds have a number: the rest is known by the first process that has it open.
ObjectId own_id(const Scene& scene, Kind kind, const OpenFile& file) {
  const ProcessInfo* process = scene.snapshot.process(file.pid);
  return {.kind = kind,
          .space = 0,
          .device = static_cast<std::uint64_t>(file.tid),
          .number = static_cast<std::uint64_t>(file.fd),
          .generation = process != nullptr ? process->start_ticks : 0};
}

/// Descriptors of one kind, in the order that the kernel has for their open file descriptions, so that copies of one stand
/// together; as they came where it may not be asked.
struct ComesFirst {
  bool operator()(const OpenFile* a, const OpenFile* b) const {
    const auto order = compare_descriptions({a->tid, a->fd}, {b->tid, b->fd});
    return order && *order == std::strong_ordering::less;
  }
};
/// A tree bears it that the kernel stops answering half-way, which an array that is being sorted need not.
using CopiesTogether = std::multiset<const OpenFile*, ComesFirst>;

bool are_copies(const OpenFile& a, const OpenFile& b) {
  const auto order = compare_descriptions({a.tid, a.fd}, {b.tid, b.fd});
  return order && *order == std::strong_ordering::equal;
}

void hold(Scene& scene, const ObjectId& id, Kind kind, const OpenFile& file) {
  if (scene.objects.find(id) == nullptr) {
    Object& object = scene.objects.at(id);
    const ProcessInfo* process = scene.snapshot.process(file.pid);
    object.owner = process != nullptr ? process->user : Fact<std::uint32_t>::missing("its process has ended");
    object.group = object.mode = Fact<std::uint32_t>::missing("it has none");
    object.changed = Fact<Time>::missing("the kernel keeps no times of it");
    object.creator = Fact<Creator>::missing("the kernel keeps no creator of it");
    object.fill = fill_of(kind, file);
    add_details(object, file);
  }
  scene.hold(id, file);
}

}  // namespace

void collect_events(Scene& scene) {
  std::array<std::vector<const OpenFile*>, kind_count> without_number;
  for (const OpenFile& file : scene.census.files) {
    if (file.status.device != scene.landmarks.anonymous) continue;
    const auto kind = kind_of(file);
    if (!kind || !scene.wants(*kind)) continue;
    const auto text = value_of(file.info, "eventfd-id");
    const auto number = text ? to_number<std::uint64_t>(*text) : std::nullopt;
    if (number)
      hold(scene, {.kind = *kind, .space = 0, .device = 0, .number = *number, .generation = 0}, *kind, file);
    else
      without_number[static_cast<std::size_t>(*kind)].push_back(&file);
  }
  for (std::size_t kind = 0; kind < kind_count; ++kind) {
    const OpenFile* previous = nullptr;
    ObjectId id;
    for (const OpenFile* file : CopiesTogether{without_number[kind].begin(), without_number[kind].end()}) {
      if (previous == nullptr || !are_copies(*previous, *file)) id = own_id(scene, static_cast<Kind>(kind), *file);
      hold(scene, id, static_cast<Kind>(kind), *file);
      previous = file;
    }
  }
}

}  // namespace ginnel::inventory
