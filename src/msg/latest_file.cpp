#include "latest_file.hpp"

#include <bit>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "owned_file.hpp"

namespace ginnel::detail {
namespace {

constexpr std::uint64_t largest_alignment = 256;
constexpr std::uint64_t largest_value = std::uint64_t{1} << 31U;
/// On the bell: of whoever puts a new value file in the place of the last.
constexpr ByteRange succession{.start = 1, .length = 1};
/// It takes as long as to allocate and copy a value.
constexpr std::chrono::seconds longest_succession{5};

constexpr Bytes size_of(const LatestShape& shape) noexcept { return Bytes{page_bytes + shape.bytes()}; }

Error damaged(const std::string& path, std::string_view what) {
  return Error{EBADMSG, "attach", path,
               std::string{what} + ": the file is damaged; remove it when its writer has ended"};
}

Result<LatestShape> checked_shape(const LatestHeader& header, const std::string& path) {
  if (auto good = check_start(header.start, latest_magic, path); !good) return std::unexpected{good.error()};
  const LatestShape shape{.value_bytes = header.value_bytes, .alignment = header.alignment, .slots = header.slots};
  const bool sound = shape.value_bytes <= largest_value && std::has_single_bit(shape.alignment) &&
                     shape.alignment >= word_bytes && shape.alignment <= largest_alignment &&
                     shape.slots > LatestShape::slots_besides_readers && shape.slots <= LatestShape::most_slots;
  if (!sound) return std::unexpected{damaged(path, "its shape is no possible one")};
  if (header.type.sequence == 0 && header.type.size > shape.value_bytes)
    return std::unexpected{damaged(path, "its slots are too short for its type")};
  return shape;
}

Result<void> check_shape(const LatestShape& shape, const MessageType& type, const std::string& address) {
  if (shape.alignment > largest_alignment)
    return std::unexpected{Error{EINVAL, "create", address,
                                 "values are aligned to at most " + std::to_string(largest_alignment) + " bytes, and " +
                                     type.name + " wants " + std::to_string(type.alignment)}};
  if (shape.value_bytes > largest_value)
    return std::unexpected{Error{
        EINVAL, "create", address,
        "a value has at most " + Bytes{largest_value}.to_string() + ", not " + Bytes{shape.value_bytes}.to_string()}};
  if (shape.readers() < 1 || shape.readers() > latest_readers_max)
    return std::unexpected{Error{EINVAL, "create", address,
                                 "there may be 1 to " + std::to_string(latest_readers_max) + " readers, not " +
                                     std::to_string(shape.readers())}};
  return {};
}

/// What is current there, into the first slot here: under the same version.
void copy_current(const ValueView& from, CurrentWord word, const OwnValue& to) {
  if (word.version == 0 || word.slot >= from.shape.slots) return;
  const std::byte* const slot = from.slots() + word.slot * from.shape.stride();
  const std::uint64_t length = word_at(slot, word_bytes).load(std::memory_order_relaxed);
  if (length > from.shape.value_bytes || length > to.shape.value_bytes) return;
  word_at(to.slots(), word_bytes).store(length, std::memory_order_relaxed);
  std::memcpy(to.slots() + to.shape.value_at(), slot + from.shape.value_at(), length);
  to.header().current.store(CurrentWord{.version = word.version, .slot = 0}.pack());
}

Result<OwnValue> make_value(const BellFolder& folder, const MessageType& type, const LatestShape& shape) {
  auto file = folder.folder().make_file(size_of(shape), folder.mode_of_own_files());
  if (!file) return std::unexpected{file.error()};
  auto mapping = ReadWriteMapping::map(file->get(), size_of(shape));
  if (!mapping) return std::unexpected{std::move(mapping.error()).with_object(folder.address())};
  const auto owner = own_stamp();
  if (!owner) return std::unexpected{owner.error()};
  auto owned = take_ownership(std::move(*file));
  if (!owned) return std::unexpected{owned.error()};
  OwnValue value{.file = std::move(*owned), .mapping = std::move(*mapping), .shape = shape, .version = 0};
  LatestHeader& header = value.header();
  header.start = {.magic = latest_magic, .version = format_version, .header_bytes = page_bytes};
  header.value_bytes = shape.value_bytes;
  header.alignment = shape.alignment;
  header.slots = shape.slots;
  header.created_ns = wall_clock_ns();
  header.owner = *owner;
  header.type = stamp_of(type);
  return value;
}

/// One at a time may come to write. Released with the handle, by whatever death.
Result<RangeLocks> lock_succession(const BellFolder& folder) {
  auto bell = folder.folder().open_file("bell", FileAccess::read_write);
  if (!bell) return std::unexpected{bell.error()};
  RangeLocks lock = RangeLocks::adopt(std::move(*bell));
  const auto locked = lock.lock(succession, LockMode::exclusive, Deadline::after(longest_succession));
  if (!locked) return std::unexpected{locked.error()};
  if (!locked->is<Done>())
    return std::unexpected{Error{EBUSY, "create", folder.address(), "another is about to become its writer"}};
  return lock;
}

}  // namespace

std::string latest_page_name(std::uint32_t number) {
  return {'r', '.', static_cast<char>('0' + number / 10), static_cast<char>('0' + number % 10)};
}

Result<std::optional<ValueView>> view_value(const BellFolder& folder, const MessageType* expected) {
  const std::string path = folder.folder().path() + "/" + value_file_name;
  auto file = folder.folder().open_file(value_file_name, FileAccess::read_only);
  if (!file && file.error().code() == ENOENT) return std::nullopt;
  if (!file) return std::unexpected{file.error()};
  const auto head = ReadOnlyMapping::map(file->get(), Bytes{page_bytes});
  if (!head) return std::unexpected{not_mapped(head.error(), path, damaged(path, "it is too short"))};
  const auto& header = *reinterpret_cast<const LatestHeader*>(head->bytes().data());
  const auto shape = checked_shape(header, path);
  if (!shape) return std::unexpected{shape.error()};
  if (expected != nullptr)
    if (auto good = check_type(header.type, *expected, folder.address()); !good) return std::unexpected{good.error()};
  auto mapping = ReadOnlyMapping::map(file->get(), size_of(*shape));
  if (!mapping) return std::unexpected{not_mapped(mapping.error(), path, damaged(path, "it is shorter than it says"))};
  return ValueView{.file = RangeLocks::adopt(std::move(*file)), .mapping = std::move(*mapping), .shape = *shape};
}

Result<OwnValue> take_over_value(const BellFolder& folder, const MessageType& type, const LatestShape& shape) {
  if (auto good = check_shape(shape, type, folder.address()); !good) return std::unexpected{good.error()};
  const auto lock = lock_succession(folder);
  if (!lock) return std::unexpected{lock.error()};
  const auto last = view_value(folder, nullptr);
  if (!last) return std::unexpected{last.error()};
  if (*last && !(*last)->writer_is_gone())
    return std::unexpected{Error{EBUSY, "create", folder.address(),
                                 "process " + std::to_string((*last)->header().owner.pid) + " writes it"}};
  auto value = make_value(folder, type, shape);
  if (!value) return std::unexpected{value.error()};
  if (*last) {
    const CurrentWord word = CurrentWord::unpack((*last)->header().current.load(std::memory_order_acquire));
    value->version = word.version;
    if (check_type((*last)->header().type, type, folder.address())) copy_current(**last, word, *value);
  }
  if (auto put = folder.folder().replace(value->file.descriptor(), value_file_name); !put)
    return std::unexpected{put.error()};
  return value;
}

}  // namespace ginnel::detail
