#include "bell_folder.hpp"

#include <algorithm>
#include <cerrno>

#include "ginnel/sys/directory_watch.hpp"
#include "ginnel/sys/futex.hpp"
#include "ginnel/sys/process_barrier.hpp"
#include "home.hpp"

namespace ginnel::detail {
namespace {

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

Result<BellFolder> BellFolder::open(SharedFolder folder, const std::string& address) {
  const auto mode = file_mode_in(folder);
  if (!mode) return std::unexpected{mode.error()};

  auto file = open_bell(folder, *mode);
  if (!file) return std::unexpected{file.error()};
  const std::string path = folder.path() + "/" + bell_name;
  auto mapping = ReadWriteMapping::map(file->get(), Bytes{page_bytes});
  if (!mapping) return std::unexpected{std::move(mapping.error()).with_object(path)};
  const auto* const bell = reinterpret_cast<const BellPage*>(mapping->bytes().data());
  if (auto good = check_start(bell->start, bell_magic, path); !good) return std::unexpected{good.error()};
  return BellFolder{std::move(folder), std::move(*file), std::move(*mapping), address, *mode};
}

std::uint32_t BellFolder::announce() const {
  BellPage& page = bell();
  const std::uint32_t generation = page.generation.fetch_add(1) + 1;
  page.sleeping.store(0);
  static_cast<void>(futex_wake(page.sleeping, wake_all));
  wake_writers();
  if (page.armed.exchange(0) != 0) ring_doorbell();
  return generation;
}

void BellFolder::wake_writers() const {
  bell().room.fetch_add(1);
  static_cast<void>(futex_wake(bell().room, wake_all));
}

Result<std::vector<std::string>> BellFolder::names() const {
  std::vector<std::string> names;
  const auto listed = folder_.for_each([&](const char* name, FileType) {
    names.emplace_back(name);
    return true;
  });
  // A folder that somebody has removed meanwhile has nobody in it.
  if (!listed && is_want(listed.error())) return std::unexpected{listed.error()};
  std::ranges::sort(names);
  return names;
}

Result<ReaderView> BellFolder::view_reader(const std::string& name) const {
  auto file = folder_.open_file(name, FileAccess::read_only);
  if (!file) return std::unexpected{file.error()};
  auto mapping = ReadOnlyMapping::map(file->get(), Bytes{page_bytes});
  if (!mapping) return std::unexpected{mapping.error()};
  ReaderView view{.file = RangeLocks::adopt(std::move(*file)), .mapping = std::move(*mapping)};
  if (auto good = check_start(view.page().start, reader_magic, folder_.path() + "/" + name); !good)
    return std::unexpected{good.error()};
  return view;
}

/// True when the page was removed; else its reader lives.
Result<bool> BellFolder::remove_if_dead(const std::string& name, std::vector<ReaderView>& living) const {
  auto reader = view_reader(name);
  if (!reader && is_want(reader.error())) return std::unexpected{reader.error()};
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

Result<bool> BellFolder::remove_dead_readers(std::vector<ReaderView>& living) const {
  const auto all = names();
  if (!all) return std::unexpected{all.error()};
  bool any = false;
  for (const std::string& name : *all) {
    if (!is_reader_name(name)) continue;
    const auto removed = remove_if_dead(name, living);
    if (!removed) return removed;
    any = *removed || any;
  }
  return any;
}

void BellFolder::wake_readers() const noexcept {
  std::atomic_thread_fence(std::memory_order_seq_cst);
  BellPage& page = bell();
  if (page.sleeping.load(std::memory_order_relaxed) != 0 && page.sleeping.exchange(0) != 0)
    static_cast<void>(futex_wake(page.sleeping, wake_all));
  if (page.armed.load(std::memory_order_relaxed) != 0 && page.armed.exchange(0) != 0) ring_doorbell();
}

void BellFolder::ring_doorbell() const noexcept {
  static_cast<void>(DirectoryWatch::ring(bell_file_.get(), offsetof(BellPage, doorbell)));
}

const std::atomic<std::uint32_t>& BellFolder::attentive_readers() const noexcept {
  // Of one that no barrier of others reaches: it has a fence in its path instead.
  static constinit const std::atomic<std::uint32_t> always{1};
  return register_for_process_barriers().has_value() ? bell().attentive : always;
}

}  // namespace ginnel::detail
