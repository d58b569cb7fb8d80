#include "own_page.hpp"

#include <cerrno>

namespace ginnel::detail {

Result<OwnPage> make_page(const BellFolder& folder, bool reliable, const PageNames& names) {
  auto file = folder.folder().make_file(Bytes{page_bytes}, folder.mode_of_own_files());
  if (!file) return std::unexpected{file.error()};
  auto mapping = ReadWriteMapping::map(file->get(), Bytes{page_bytes});
  if (!mapping) return std::unexpected{mapping.error()};
  const auto owner = own_stamp();
  if (!owner) return std::unexpected{owner.error()};
  auto owned = take_ownership(std::move(*file));
  if (!owned) return std::unexpected{owned.error()};

  OwnPage own{.file = std::move(*owned), .mapping = std::move(*mapping), .name = {}};
  ReaderPage& page = own.page();
  page.start = {.magic = reader_magic, .version = format_version, .header_bytes = page_bytes};
  page.owner = *owner;
  page.reliable = reliable ? 1 : 0;
  page.joined_generation = folder.bell().generation.load();
  page.seen_generation.store(page.joined_generation);
  for (unsigned attempt = 0;; ++attempt) {
    own.name = names(*owner, attempt);
    if (own.name.empty())
      return std::unexpected{Error{EUSERS, "open", folder.address(),
                                   "it has " + std::to_string(attempt) + " readers, and no room for more"}};
    auto published = folder.folder().publish(own.file.descriptor(), own.name);
    if (published) return own;
    if (published.error().code() != EEXIST) return std::unexpected{published.error()};
  }
}

}  // namespace ginnel::detail
