#include "topic_folder.hpp"

#include <algorithm>
#include <charconv>

namespace ginnel::detail {

Result<TopicFolder> TopicFolder::open(SharedFolder folder, const std::string& address) {
  auto opened = BellFolder::open(std::move(folder), address);
  if (!opened) return std::unexpected{opened.error()};
  return TopicFolder{std::move(*opened)};
}

std::string TopicFolder::ring_name(std::size_t number) {
  return {'w', '.', static_cast<char>('0' + number / 10), static_cast<char>('0' + number % 10)};
}

std::optional<std::size_t> TopicFolder::ring_number(std::string_view name) {
  if (name.size() != 4 || !name.starts_with("w.")) return std::nullopt;
  std::size_t number = 0;
  const auto [end, failure] = std::from_chars(name.data() + 2, name.data() + name.size(), number);
  if (failure != std::errc{} || end != name.data() + name.size() || number >= writers_max) return std::nullopt;
  return number;
}

/// The ring of a dead writer stays while a reader reads it, or has not looked since it appeared and may still come for it. Until
/// then nobody else gets its number, which is also the place of its cursors.
bool TopicFolder::remove_dead_ring(const std::string& name, const std::vector<ReaderView>& living) const {
  auto file = folder().open_file(name, FileAccess::read_only);
  if (!file) return false;
  const auto mapping = ReadOnlyMapping::map(file->get(), Bytes{page_bytes});
  if (!mapping) return false;
  const auto& header = *reinterpret_cast<const RingHeader*>(mapping->bytes().data());
  if (!check_start(header.start, ring_magic, name)) return false;
  const RangeLocks locks = RangeLocks::adopt(std::move(*file));
  if (!owner_is_gone(locks, header.owner)) return false;

  std::uint32_t created = header.created_generation.load();
  if (created == 0) created = bell().generation.load();
  const std::size_t number = *ring_number(name);
  const bool is_wanted = std::ranges::any_of(living, [&](const ReaderView& reader) {
    return is_later(created, reader.page().seen_generation.load()) ||
           reader.page().cursors[number].incarnation.load() == header.incarnation;
  });
  if (is_wanted) return false;
  const auto removed = folder().remove_if_same(name, locks.descriptor());
  return removed && *removed;
}

Result<TopicFolder::Users> TopicFolder::users() const {
  const auto all = names();
  if (!all) return std::unexpected{all.error()};
  Users users;
  for (const std::string& name : *all) {
    if (ring_number(name)) ++users.writers;
    if (is_reader_name(name)) ++users.readers;
  }
  return users;
}

void TopicFolder::clean_up() const {
  std::vector<ReaderView> living;
  const auto readers = remove_dead_readers(living);
  const auto all = names();
  bool any = readers && *readers;
  if (readers && all)
    for (const std::string& name : *all)
      if (ring_number(name)) any = remove_dead_ring(name, living) || any;
  if (any) announce();
}

}  // namespace ginnel::detail
