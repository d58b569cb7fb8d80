#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "ginnel/core/bytes.hpp"
#include "ginnel/core/result.hpp"

namespace ginnel {

struct MapOptions {
  Bytes offset;               ///< a multiple of the page size
  bool populate = false;      ///< fault all pages in now (MAP_POPULATE)
};

/// A range of memory that other processes may see, mapped for reading only. Unmapped at destruction.
/// Reading past the end of a file that a peer has shrunk raises SIGBUS: for memory of a peer that is not trusted, and
/// cannot be sealed, read with copy_from_shared().
class [[nodiscard]] ReadOnlyMapping {
 public:
  /// Errors: EINVAL (size 0, offset not page-aligned, or the range passes the end of the file: touching it would SIGBUS),
  /// EACCES, ENODEV (a descriptor that cannot be mapped), ENOMEM (RLIMIT_AS, vm.max_map_count), EAGAIN.
  /// Source: mmap(2).
  [[nodiscard]] static Result<ReadOnlyMapping> map(int fd, Bytes size, MapOptions options = {});

  ReadOnlyMapping(ReadOnlyMapping&& other) noexcept;
  ReadOnlyMapping& operator=(ReadOnlyMapping&& other) noexcept;
  ~ReadOnlyMapping();

  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return {address_, size_}; }

 private:
  friend class SysvShm;
  enum class Release { munmap, shmdt };
  ReadOnlyMapping(const std::byte* address, std::size_t size, Release release) noexcept
      : address_{address}, size_{size}, release_{release} {}
  const std::byte* address_ = nullptr;
  std::size_t size_ = 0;
  Release release_ = Release::munmap;
};

/// The same, for reading and writing.
class [[nodiscard]] ReadWriteMapping {
 public:
  /// Errors: as ReadOnlyMapping::map, and EPERM (sealed against writing).
  [[nodiscard]] static Result<ReadWriteMapping> map(int fd, Bytes size, MapOptions options = {});
  /// Memory without a name or descriptor, shared with the children of fork(2). Errors: EINVAL, ENOMEM.
  [[nodiscard]] static Result<ReadWriteMapping> anonymous(Bytes size);

  ReadWriteMapping(ReadWriteMapping&& other) noexcept;
  ReadWriteMapping& operator=(ReadWriteMapping&& other) noexcept;
  ~ReadWriteMapping();

  [[nodiscard]] std::span<std::byte> bytes() const noexcept { return {address_, size_}; }

 private:
  friend class SysvShm;
  enum class Release { munmap, shmdt };
  ReadWriteMapping(std::byte* address, std::size_t size, Release release) noexcept
      : address_{address}, size_{size}, release_{release} {}
  std::byte* address_ = nullptr;
  std::size_t size_ = 0;
  Release release_ = Release::munmap;
};

}  // namespace ginnel
