#include "queue_file.hpp"

#include <cerrno>
#include <cstring>

#include "home.hpp"

namespace ginnel::detail {
namespace {

static_assert(sizeof(OwnerStamp) == cache_line_bytes);
static_assert(std::is_trivially_copyable_v<OwnerStamp> && sizeof(OwnerStamp) % word_bytes == 0);

/// Where the queue's memory begins.
constexpr std::uint64_t memory_at(const QueueShape& shape) noexcept {
  const std::uint64_t stamps = shape.participants * sizeof(OwnerStamp);
  return page_bytes + (stamps + page_bytes - 1) / page_bytes * page_bytes;
}

constexpr Bytes size_of(const QueueShape& shape) noexcept { return Bytes{memory_at(shape) + shape.bytes()}; }

Error damaged(const std::string& path, std::string_view what) {
  return Error{EBADMSG, "attach", path,
               std::string{what} + ": the file is damaged; remove the queue when nobody uses it"};
}

Result<QueueShape> checked_shape(const QueueHeader& header, const std::string& path) {
  if (auto good = check_start(header.start, queue_magic, path); !good) return std::unexpected{good.error()};
  const QueueShape shape = header.shape;
  if (!shape.is_valid()) return std::unexpected{damaged(path, "its shape is no possible one")};
  if (header.type.sequence == 0 && header.type.size > shape.payload_bytes)
    return std::unexpected{damaged(path, "its messages are too short for their type")};
  return shape;
}

}  // namespace

QueueFile::QueueFile(UniqueFd file, ReadWriteMapping mapping, const QueueShape& shape) noexcept
    : locks_{std::move(file)},
      mapping_{std::move(mapping)},
      memory_{mapping_.bytes().data() + memory_at(shape), shape} {}

Result<QueueFile> QueueFile::open(const SharedFolder& folder, const MessageType& type, const std::string& address) {
  const std::string path = folder.path() + "/" + queue_file_name;
  auto file = folder.open_file(queue_file_name, FileAccess::read_write);
  if (!file) return std::unexpected{file.error()};
  const auto head = ReadOnlyMapping::map(file->get(), Bytes{page_bytes});
  if (!head) return std::unexpected{not_mapped(head.error(), path, damaged(path, "it is too short"))};
  const auto& header = *reinterpret_cast<const QueueHeader*>(head->bytes().data());
  const auto shape = checked_shape(header, path);
  if (!shape) return std::unexpected{shape.error()};
  if (!type.name.empty())
    if (auto good = check_type(header.type, type, address); !good) return std::unexpected{good.error()};
  auto mapping = ReadWriteMapping::map(file->get(), size_of(*shape));
  if (!mapping) return std::unexpected{not_mapped(mapping.error(), path, damaged(path, "it is shorter than it says"))};
  return QueueFile{std::move(*file), std::move(*mapping), *shape};
}

Result<QueueFile> QueueFile::make(const SharedFolder& folder, const MessageType& type, const QueueShape& shape,
                                  const std::string& address) {
  if (type.alignment > cache_line_bytes)
    return std::unexpected{Error{EINVAL, "create", address,
                                 "messages are aligned to at most " + std::to_string(cache_line_bytes) +
                                     " bytes, and " + type.name + " wants " + std::to_string(type.alignment)}};
  const auto mode = file_mode_in(folder);
  if (!mode) return std::unexpected{mode.error()};
  auto file = folder.make_file(size_of(shape), *mode);
  if (!file) return std::unexpected{file.error()};
  auto mapping = ReadWriteMapping::map(file->get(), size_of(shape));
  if (!mapping) return std::unexpected{std::move(mapping.error()).with_object(address)};
  QueueFile made{std::move(*file), std::move(*mapping), shape};
  QueueHeader& header = made.header();
  header.start = {.magic = queue_magic, .version = format_version, .header_bytes = page_bytes};
  header.shape = shape;
  header.created_ns = wall_clock_ns();
  header.type = stamp_of(type);
  if (auto published = folder.publish(made.descriptor(), queue_file_name); !published)
    return std::unexpected{published.error()};
  return made;
}

Result<bool> QueueLocks::lock(std::uint32_t number) {
  const auto locked = locks_.lock({.start = number, .length = 1}, LockMode::exclusive, Deadline::immediately());
  if (!locked) return std::unexpected{locked.error()};
  return locked->is<Done>();
}

bool QueueLocks::is_others(std::uint32_t number) const {
  const auto conflict = locks_.conflict({.start = number, .length = 1}, LockMode::exclusive);
  return !conflict || conflict->has_value();  // whoever cannot be asked about counts as alive
}

std::uint32_t QueueLocks::count_others() const {
  std::uint32_t count = 0;
  for (std::uint32_t number = 1; number <= QueueShape::most_participants; ++number)
    if (is_others(number)) ++count;
  return count;
}

// Word by word and atomically: a number may be given to the next one while somebody still reads the stamp of the last. What was
// read so is not used: the number's word has changed meanwhile.
void QueueFile::stamp(std::uint32_t number, const OwnerStamp& owner) const noexcept {
  std::array<std::uint64_t, sizeof(OwnerStamp) / word_bytes> words{};
  std::memcpy(words.data(), &owner, sizeof owner);
  for (std::size_t i = 0; i < words.size(); ++i)
    word_at(stamp_at(number), i * word_bytes).store(words[i], std::memory_order_relaxed);
}

bool QueueFile::is_gone(std::uint32_t number) const {
  if (!locks_.is_others(number)) return true;
  std::array<std::uint64_t, sizeof(OwnerStamp) / word_bytes> words{};
  for (std::size_t i = 0; i < words.size(); ++i)
    words[i] = word_at(stamp_at(number), i * word_bytes).load(std::memory_order_relaxed);
  OwnerStamp owner{};
  std::memcpy(&owner, words.data(), sizeof owner);
  return has_ended(owner);
}

}  // namespace ginnel::detail
