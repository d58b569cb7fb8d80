#include "topic_folder.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>

#include "ginnel/sys/directory_watch.hpp"
#include "ginnel/sys/futex.hpp"
#include "home.hpp"

namespace ginnel::detail {
namespace {

constexpr const char* bell_name = "bell";

Result<UniqueFd> make_bell(const SharedFolder& folder, unsigned mode) {
  auto file = folder.make_file(Bytes{page_bytes}, mode);
  if (!file) return file;
  const auto mapping = ReadWriteMapping::map(file->get(), Bytes{page_bytes});
  if (!mapping) return std::unexpected{mapping.error()};
  auto* const bell = reinterpret_cast<BellPage*>(mapping->bytes().data());
  bell->start = {.magic = bell_magic, .version = format_version, .header_bytes = page_bytes};
  if (auto published = folder.publish(file->get(), bell_name); !published) return std::unexpected{published.error()};
  return file;
}

/// The one that is there, or a new one; whoever comes second takes the first one's.
Result<UniqueFd> open_bell(const SharedFolder& folder, unsigned mode) {
  while (true) {
    auto there = folder.open_file(bell_name, FileAccess::read_write);
    if (there || there.error().code() != ENOENT) return there;
    auto made = make_bell(folder, mode);
    if (made || made.error().code() != EEXIST) return made;
  }
}

}  // namespace

Result<TopicFolder> TopicFolder::open(const std::string& home, const std::string& name) {
  const auto place = open_home(home);
  if (!place) return std::unexpected{place.error()};
  auto folder = open_object_folder(*place, "topic", name, true);
  if (!folder) return std::unexpected{folder.error()};
  const auto mode = file_mode_in(*folder);
  if (!mode) return std::unexpected{mode.error()};

  auto file = open_bell(*folder, *mode);
  if (!file) return std::unexpected{file.error()};
  const std::string path = folder->path() + "/" + bell_name;
  auto mapping = ReadWriteMapping::map(file->get(), Bytes{page_bytes});
  if (!mapping) return std::unexpected{std::move(mapping.error()).with_object(path)};
  const auto* const bell = reinterpret_cast<const BellPage*>(mapping->bytes().data());
  if (auto good = check_start(bell->start, bell_magic, path); !good) return std::unexpected{good.error()};
  return TopicFolder{std::move(*folder), std::move(*file), std::move(*mapping), "topic:" + name, *mode};
}

Result<void> TopicFolder::check_still_there() const {
  const auto status = file_status(bell_file());
  if (!status) return std::unexpected{status.error()};
  if (status->links > 0) return {};
  return std::unexpected{Error{ESTALE, "open", address(), "it was removed at this very moment: try again"}};
}

std::uint32_t TopicFolder::announce() const {
  BellPage& page = bell();
  const std::uint32_t generation = page.generation.fetch_add(1) + 1;
  page.sleeping.store(0);
  static_cast<void>(futex_wake(page.sleeping, wake_all));
  wake_writers();
  if (page.armed.exchange(0) != 0) static_cast<void>(DirectoryWatch::ring(bell_file(), offsetof(BellPage, doorbell)));
  return generation;
}

void TopicFolder::wake_writers() const {
  bell().room.fetch_add(1);
  static_cast<void>(futex_wake(bell().room, wake_all));
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

bool TopicFolder::is_reader_name(std::string_view name) { return name.starts_with("r."); }

std::vector<std::string> TopicFolder::names() const {
  std::vector<std::string> names;
  static_cast<void>(folder_.for_each([&](const char* name, FileType) {
    names.emplace_back(name);
    return true;
  }));
  std::ranges::sort(names);
  return names;
}

Result<ReaderView> view_reader(const SharedFolder& folder, const std::string& name) {
  auto file = folder.open_file(name, FileAccess::read_only);
  if (!file) return std::unexpected{file.error()};
  auto mapping = ReadOnlyMapping::map(file->get(), Bytes{page_bytes});
  if (!mapping) return std::unexpected{mapping.error()};
  ReaderView view{.file = RangeLocks::adopt(std::move(*file)), .mapping = std::move(*mapping)};
  if (auto good = check_start(view.page().start, reader_magic, folder.path() + "/" + name); !good)
    return std::unexpected{good.error()};
  return view;
}

/// True when the page was removed; else its reader lives.
bool TopicFolder::remove_dead_reader(const std::string& name, std::vector<ReaderView>& living) const {
  auto reader = view_reader(folder_, name);
  if (!reader) return false;
  if (!reader->gone()) {
    living.push_back(std::move(*reader));
    return false;
  }
  const bool was_attentive = reader->page().attentive.load() != 0;
  const auto removed = folder_.remove_if_same(name, reader->file.descriptor());
  if (!removed || !*removed) return false;
  if (was_attentive) bell().attentive.fetch_sub(1);
  return true;
}

/// The ring of a dead writer stays while a reader reads it, or has not looked since it appeared and may still come for it. Until
/// then nobody else gets its number, which is also the place of its cursors.
bool TopicFolder::remove_dead_ring(const std::string& name, const std::vector<ReaderView>& living) const {
  auto file = folder_.open_file(name, FileAccess::read_only);
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
  const auto removed = folder_.remove_if_same(name, locks.descriptor());
  return removed && *removed;
}

TopicFolder::Users TopicFolder::users() const {
  Users users;
  for (const std::string& name : names()) {
    if (ring_number(name)) ++users.writers;
    if (is_reader_name(name)) ++users.readers;
  }
  return users;
}

void TopicFolder::clean_up() const {
  bool any = false;
  std::vector<ReaderView> living;
  const std::vector<std::string> all = names();
  for (const std::string& name : all)
    if (is_reader_name(name)) any = remove_dead_reader(name, living) || any;
  for (const std::string& name : all)
    if (ring_number(name)) any = remove_dead_ring(name, living) || any;
  if (any) announce();
}

}  // namespace ginnel::detail
