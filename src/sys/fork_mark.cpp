#include "ginnel/sys/fork_mark.hpp"

#include <sys/mman.h>
#include <unistd.h>

namespace ginnel {

Result<ForkMark> ForkMark::create() {
  const auto size = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  void* const page = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return std::unexpected{Error::last("mmap", "fork mark")};
  MappedRange range{page, size, MappedRange::Release::munmap};
  if (::madvise(page, size, MADV_WIPEONFORK) < 0) return std::unexpected{Error::last("madvise MADV_WIPEONFORK")};
  *static_cast<volatile unsigned char*>(page) = 1;
  return ForkMark{std::move(range)};
}

}  // namespace ginnel
