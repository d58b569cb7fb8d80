#include "ginnel/sys/mapping_query.hpp"

#include <sys/ioctl.h>

#include <array>
#include <climits>

#include "ginnel/sys/directory.hpp"

namespace ginnel {
namespace {

/// struct procmap_query of Linux 6.11, newer than the headers of Debian 12.
struct Query {
  std::uint64_t size;
  std::uint64_t query_flags;
  std::uint64_t query_addr;
  std::uint64_t vma_start;
  std::uint64_t vma_end;
  std::uint64_t vma_flags;
  std::uint64_t vma_page_size;
  std::uint64_t vma_offset;
  std::uint64_t inode;
  std::uint32_t dev_major;
  std::uint32_t dev_minor;
  std::uint32_t vma_name_size;
  std::uint32_t build_id_size;
  std::uint64_t vma_name_addr;
  std::uint64_t build_id_addr;
};
static_assert(sizeof(Query) == 104);

constexpr unsigned long ask = _IOWR('f', 17, Query);  // PROCMAP_QUERY
constexpr std::uint64_t is_readable = 0x01;
constexpr std::uint64_t is_writable = 0x02;
constexpr std::uint64_t is_shared = 0x08;
constexpr std::uint64_t covering_or_next = 0x10;
constexpr std::uint64_t file_backed = 0x20;

}  // namespace

Result<MappingStatus> query_mapping(int maps, std::uint64_t address, MappingChoice choice, std::string* path) {
  std::array<char, PATH_MAX> name;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled by the kernel
  Query query{};
  query.size = sizeof query;
  query.query_addr = address;
  if (choice == MappingChoice::next_file) query.query_flags = covering_or_next | file_backed;
  if (path != nullptr) {
    query.vma_name_size = static_cast<std::uint32_t>(name.size());
    query.vma_name_addr = reinterpret_cast<std::uint64_t>(name.data());
  }
  if (::ioctl(maps, ask, &query) < 0) return std::unexpected{Error::last("ioctl PROCMAP_QUERY")};
  if (path != nullptr) path->assign(name.data(), query.vma_name_size == 0 ? 0 : query.vma_name_size - 1);
  return MappingStatus{.start = query.vma_start,
                       .end = query.vma_end,
                       .offset = query.vma_offset,
                       .device = device_number(query.dev_major, query.dev_minor),
                       .inode = query.inode,
                       .readable = (query.vma_flags & is_readable) != 0,
                       .writable = (query.vma_flags & is_writable) != 0,
                       .shared = (query.vma_flags & is_shared) != 0};
}

}  // namespace ginnel
