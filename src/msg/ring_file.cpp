#include "ring_file.hpp"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <chrono>

namespace ginnel::detail {
namespace {

constexpr std::uint64_t smallest_capacity = std::uint64_t{64} << 10U;
constexpr std::uint64_t largest_capacity = std::uint64_t{1} << 33U;  // a quarter of it still fits a record's length
constexpr std::uint64_t largest_alignment = 256;

Result<RingShape> shape_for(const TopicFolder& topic, const MessageType& type, Bytes capacity) {
  if (type.alignment > largest_alignment)
    return std::unexpected{Error{EINVAL, "create", topic.address(),
                                 "messages are aligned to at most " + std::to_string(largest_alignment) +
                                     " bytes, and " + type.name + " wants " + std::to_string(type.alignment)}};
  if (capacity.count() > largest_capacity)
    return std::unexpected{
        Error{EINVAL, "create", topic.address(),
              "a ring has at most " + Bytes{largest_capacity}.to_string() + ", not " + capacity.to_string()}};
  RingShape shape{.capacity = std::bit_ceil(std::max(capacity.count(), smallest_capacity)),
                  .alignment = std::max<std::uint64_t>(word_bytes, type.alignment)};
  while (!type.sequence && type.size > shape.largest_payload()) shape.capacity *= 2;
  return shape;
}

/// Two rings of one number differ at least in their time.
std::uint64_t new_incarnation(const OwnerStamp& owner) {
  const auto ticks = static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
  return std::max<std::uint64_t>(1, ticks ^ (std::uint64_t{owner.pid} << 40U));
}

Result<void> fill_header(RingHeader& header, const RingShape& shape, const MessageType& type) {
  const auto owner = own_stamp();
  if (!owner) return std::unexpected{owner.error()};
  header.start = {.magic = ring_magic, .version = format_version, .header_bytes = page_bytes};
  header.capacity = shape.capacity;
  header.alignment = shape.alignment;
  header.incarnation = new_incarnation(*owner);
  header.created_ns = wall_clock_ns();
  header.owner = *owner;
  header.type = stamp_of(type);
  return {};
}

Error damaged(const std::string& path, std::string_view what) {
  return Error{EBADMSG, "attach", path,
               std::string{what} + ": the file is damaged; remove it when its writer has ended"};
}

Result<RingShape> checked_shape(const RingHeader& header, const std::string& path) {
  if (auto good = check_start(header.start, ring_magic, path); !good) return std::unexpected{good.error()};
  const RingShape shape{.capacity = header.capacity, .alignment = header.alignment};
  if (!std::has_single_bit(shape.capacity) || shape.capacity < smallest_capacity ||
      shape.capacity > 4 * largest_capacity)
    return std::unexpected{damaged(path, "its capacity is no possible one")};
  if (!std::has_single_bit(shape.alignment) || shape.alignment < word_bytes || shape.alignment > largest_alignment)
    return std::unexpected{damaged(path, "its alignment is no possible one")};
  if (header.incarnation == 0) return std::unexpected{damaged(path, "it has no incarnation")};
  return shape;
}

}  // namespace

Result<RingFile> make_ring(const TopicFolder& topic, const MessageType& type, Bytes capacity) {
  const auto shape = shape_for(topic, type, capacity);
  if (!shape) return std::unexpected{shape.error()};
  auto file = topic.folder().make_file(Bytes{page_bytes + shape->capacity}, topic.mode_of_own_files());
  if (!file) return std::unexpected{file.error()};
  auto mapping = MirroredMapping::map(file->get(), Bytes{page_bytes}, Bytes{shape->capacity}, FileAccess::read_write);
  if (!mapping) return std::unexpected{std::move(mapping.error()).with_object(topic.address())};
  if (auto filled = fill_header(*reinterpret_cast<RingHeader*>(mapping->head()), *shape, type); !filled)
    return std::unexpected{filled.error()};
  auto owned = take_ownership(std::move(*file));
  if (!owned) return std::unexpected{owned.error()};

  RingFile ring{.file = std::move(*owned), .mapping = std::move(*mapping), .shape = *shape, .name = {}, .number = 0};
  for (std::size_t number = 0; number < writers_max; ++number) {
    const std::string name = TopicFolder::ring_name(number);
    auto published = topic.folder().publish(ring.file.descriptor(), name);
    if (published) {
      ring.name = name;
      ring.number = number;
      return ring;
    }
    if (published.error().code() != EEXIST) return std::unexpected{published.error()};
  }
  return std::unexpected{Error{ENOSPC, "create", topic.address(),
                               "a topic has at most " + std::to_string(writers_max) + " writers at a time"}};
}

Result<RingFile> attach_ring(const TopicFolder& topic, const std::string& name, const MessageType* expected) {
  const std::string path = topic.folder().path() + "/" + name;
  auto file = topic.folder().open_file(name, FileAccess::read_only);
  if (!file) return std::unexpected{file.error()};
  const auto head = ReadOnlyMapping::map(file->get(), Bytes{page_bytes});
  if (!head) return std::unexpected{not_mapped(head.error(), path, damaged(path, "it is too short"))};
  const auto& header = *reinterpret_cast<const RingHeader*>(head->bytes().data());
  const auto shape = checked_shape(header, path);
  if (!shape) return std::unexpected{shape.error()};
  if (expected != nullptr)
    if (auto good = check_type(header.type, *expected, topic.address()); !good) return std::unexpected{good.error()};
  auto mapping = MirroredMapping::map(file->get(), Bytes{page_bytes}, Bytes{shape->capacity}, FileAccess::read_only);
  if (!mapping) return std::unexpected{not_mapped(mapping.error(), path, damaged(path, "it is shorter than it says"))};
  return RingFile{.file = RangeLocks::adopt(std::move(*file)),
                  .mapping = std::move(*mapping),
                  .shape = *shape,
                  .name = name,
                  .number = TopicFolder::ring_number(name).value_or(0)};
}

}  // namespace ginnel::detail
