#include "ginnel/sys/mapping.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <cassert>
#include <cerrno>
#include <string>

#include "kernel_setting.hpp"
#include "system_call.hpp"

namespace ginnel {
namespace {

std::string name_of(int fd) { return "fd " + std::to_string(fd); }

std::string map_hint(int code, int protection) {
  const bool writing = (protection & PROT_WRITE) != 0;
  switch (code) {
    case EACCES:
      return writing ? "the descriptor must have been opened for reading and writing (O_RDWR)"
                     : "the descriptor must have been opened for reading";
    case EPERM:
      return "the memory is sealed against writing; map it read-only";
    case ENODEV:
      return "what this descriptor stands for cannot be mapped";
    case ENOMEM:
      return "no memory or address space left: " + process_limit("RLIMIT_AS", RLIMIT_AS) + ", " +
             kernel_setting("vm.max_map_count") + "; see 'ginnel limits'";
    case EAGAIN:
      return "too much memory locked: " + process_limit("RLIMIT_MEMLOCK", RLIMIT_MEMLOCK);
    default:
      return {};
  }
}

Error refused(int fd, int code, std::string_view hint) { return Error{code, "mmap", name_of(fd), hint}; }

/// The kernel maps any range, and kills whoever touches a page of it that lies past the end of the file.
Result<void> check_range(int fd, Bytes size, Bytes offset) {
  if (size.count() == 0) return std::unexpected{refused(fd, EINVAL, "a mapping has at least one byte")};
  const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  if (offset.count() % page != 0)
    return std::unexpected{refused(
        fd, EINVAL,
        "offset " + std::to_string(offset.count()) + " is not a multiple of the page size, " + std::to_string(page))};
  struct stat status{};
  if (::fstat(fd, &status) < 0) return std::unexpected{Error::last("fstat", name_of(fd))};
  if (!S_ISREG(status.st_mode)) return {};  // a device knows its own end; what cannot be mapped, mmap(2) refuses

  const auto end_of_file = static_cast<std::uint64_t>(status.st_size);
  if (offset.count() > end_of_file || size.count() > end_of_file - offset.count())
    return std::unexpected{refused(fd, EINVAL,
                                   std::to_string(size.count()) + " bytes from " + std::to_string(offset.count()) +
                                       " on pass the end of the file, which has " + std::to_string(end_of_file) +
                                       ": touching them would raise SIGBUS")};
  struct statfs fs{};
  if (retry_interrupted([&] { return ::fstatfs(fd, &fs); }) < 0)
    return std::unexpected{Error::last("fstatfs", name_of(fd))};
  const auto block = static_cast<std::uint64_t>(fs.f_bsize);
  if (fs.f_type == HUGETLBFS_MAGIC && (size.count() % block != 0 || offset.count() % block != 0))
    return std::unexpected{refused(
        fd, EINVAL, "huge pages are mapped whole: size and offset must be multiples of " + Bytes{block}.to_string())};
  return {};
}

/// Before Linux 6.7 a shared mapping of memory sealed against writing was refused even for reading only. What nobody can
/// change looks the same through a private mapping.
bool is_sealed_against_writing(int fd) {
  const int seals = ::fcntl(fd, F_GET_SEALS);
  return seals >= 0 && (seals & F_SEAL_WRITE) != 0;
}

Result<MappedRange> map_file(int fd, Bytes size, MapOptions options, int protection) {
  if (auto checked = check_range(fd, size, options.offset); !checked) return std::unexpected{checked.error()};

  const auto length = static_cast<std::size_t>(size.count());
  const auto offset = static_cast<off_t>(options.offset.count());
  const int populate = options.populate ? MAP_POPULATE : 0;
  void* address = ::mmap(nullptr, length, protection, MAP_SHARED | populate, fd, offset);
  if (address == MAP_FAILED && errno == EPERM && protection == PROT_READ && is_sealed_against_writing(fd))
    address = ::mmap(nullptr, length, protection, MAP_PRIVATE | populate, fd, offset);
  if (address == MAP_FAILED) {
    const int code = errno;
    return std::unexpected{refused(fd, code, map_hint(code, protection))};
  }
  return MappedRange{address, length, MappedRange::Release::munmap};
}

}  // namespace

MappedRange& MappedRange::operator=(MappedRange&& other) noexcept {
  if (this != &other) {
    reset();
    address_ = std::exchange(other.address_, nullptr);
    size_ = std::exchange(other.size_, 0);
    release_ = other.release_;
  }
  return *this;
}

void MappedRange::reset() noexcept {
  if (address_ == nullptr) return;
  const int saved = errno;
  // ENOMEM (unmapping the middle of merged ranges at vm.max_map_count) leaves it mapped, and there is nobody to tell.
  [[maybe_unused]] const int result = release_ == Release::shmdt ? ::shmdt(address_) : ::munmap(address_, size_);
  assert(result == 0 || errno == ENOMEM);
  errno = saved;
  address_ = nullptr;
  size_ = 0;
}

Result<ReadOnlyMapping> ReadOnlyMapping::map(int fd, Bytes size, MapOptions options) {
  auto range = map_file(fd, size, options, PROT_READ);
  if (!range) return std::unexpected{range.error()};
  return ReadOnlyMapping{std::move(*range)};
}

Result<ReadWriteMapping> ReadWriteMapping::map(int fd, Bytes size, MapOptions options) {
  auto range = map_file(fd, size, options, PROT_READ | PROT_WRITE);
  if (!range) return std::unexpected{range.error()};
  return ReadWriteMapping{std::move(*range)};
}

Result<ReadWriteMapping> ReadWriteMapping::anonymous(Bytes size) {
  const auto length = static_cast<std::size_t>(size.count());
  if (length == 0) return std::unexpected{Error{EINVAL, "mmap", "shared memory", "a mapping has at least one byte"}};
  void* address = ::mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (address == MAP_FAILED) {
    const int code = errno;
    const std::string object = size.to_string() + " of shared memory";
    return std::unexpected{Error{code, "mmap", object, map_hint(code, PROT_READ | PROT_WRITE)}};
  }
  return ReadWriteMapping{MappedRange{address, length, MappedRange::Release::munmap}};
}

}  // namespace ginnel
