#include "ginnel/sys/mirrored_mapping.hpp"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>

namespace ginnel {
namespace {

std::string name_of(int fd) { return "fd " + std::to_string(fd); }

Result<void> check_sizes(int fd, Bytes head, Bytes body) {
  const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  if (body.count() == 0 || head.count() % page != 0 || body.count() % page != 0)
    return std::unexpected{Error{EINVAL, "mmap", name_of(fd), "head and body must be multiples of the page size"}};
  struct stat status{};
  if (::fstat(fd, &status) < 0) return std::unexpected{Error::last("fstat", name_of(fd))};
  const auto size = static_cast<std::uint64_t>(status.st_size);
  if (size < head.count() || size - head.count() < body.count())
    return std::unexpected{Error{EINVAL, "mmap", name_of(fd),
                                 "the file has " + std::to_string(size) + " bytes and not the " +
                                     std::to_string(head.count() + body.count()) + " that are to be mapped"}};
  return {};
}

/// A page that is missing is faulted in when it is touched: this only saves that time, and what is not there must not be told of here.
void populate(void* start, std::size_t size, FileAccess access) noexcept {
#ifdef MADV_POPULATE_READ
  static_cast<void>(::madvise(start, size, access == FileAccess::read_only ? MADV_POPULATE_READ : MADV_POPULATE_WRITE));
#endif
}

}  // namespace

Result<MirroredMapping> MirroredMapping::map(int fd, Bytes head, Bytes body, FileAccess access) {
  if (auto good = check_sizes(fd, head, body); !good) return std::unexpected{good.error()};
  const auto head_bytes = static_cast<std::size_t>(head.count());
  const auto body_bytes = static_cast<std::size_t>(body.count());

  void* const place = ::mmap(nullptr, head_bytes + 2 * body_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (place == MAP_FAILED) return std::unexpected{Error::last("mmap", name_of(fd))};
  MappedRange range{place, head_bytes + 2 * body_bytes, MappedRange::Release::munmap};

  const int protection = access == FileAccess::read_only ? PROT_READ : PROT_READ | PROT_WRITE;
  auto* const start = static_cast<std::byte*>(place);
  if (::mmap(start, head_bytes + body_bytes, protection, MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED ||
      ::mmap(start + head_bytes + body_bytes, body_bytes, protection, MAP_SHARED | MAP_FIXED, fd,
             static_cast<off_t>(head_bytes)) == MAP_FAILED)
    return std::unexpected{Error::last("mmap", name_of(fd))};
  populate(start, head_bytes + body_bytes + body_bytes / 4, access);
  if (::madvise(start, range.size(), MADV_DONTFORK) < 0) return std::unexpected{Error::last("madvise", name_of(fd))};
  return MirroredMapping{std::move(range), head_bytes};
}

}  // namespace ginnel
