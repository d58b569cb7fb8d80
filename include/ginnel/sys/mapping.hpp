#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "ginnel/core/bytes.hpp"
#include "ginnel/core/result.hpp"

namespace ginnel {

/// How a file is opened, and so can be mapped.
enum class FileAccess { read_only, read_write };

struct MapOptions {
  Bytes offset = {};      ///< a multiple of the page size
  bool populate = false;  ///< fault all pages in now (MAP_POPULATE)
};

/// A range of this process's addresses, given back exactly once: what both kinds of mapping are made of.
/// A child of fork(2) inherits the range and gives back its own.
class [[nodiscard]] MappedRange {
 public:
  /// How the range is given back: as it was got.
  enum class Release { munmap, shmdt };

  MappedRange() noexcept = default;
  MappedRange(void* address, std::size_t size, Release release) noexcept
      : address_{address}, size_{size}, release_{release} {}
  MappedRange(MappedRange&& other) noexcept
      : address_{std::exchange(other.address_, nullptr)},
        size_{std::exchange(other.size_, 0)},
        release_{other.release_} {}
  MappedRange& operator=(MappedRange&& other) noexcept;
  ~MappedRange() { reset(); }

  [[nodiscard]] void* address() const noexcept { return address_; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  /// Preserves errno.
  void reset() noexcept;

 private:
  void* address_ = nullptr;
  std::size_t size_ = 0;
  Release release_ = Release::munmap;
};

/// A range of memory that other processes may see, mapped for reading only. Unmapped at destruction.
/// Reading past the end of a file that a peer has shrunk raises SIGBUS: for memory of a peer that is not trusted, and
/// cannot be sealed, read with copy_from_shared().
/// Any thread may read through it; moving and destroying it is for one thread. Source: mmap(2).
class [[nodiscard]] ReadOnlyMapping {
 public:
  /// Errors: EINVAL (size 0, offset not page-aligned, or the range passes the end of the file: touching it would SIGBUS),
  /// EACCES (a descriptor that was not opened for reading), EBADF, ENODEV (a descriptor that cannot be mapped), ENOMEM
  /// (RLIMIT_AS, vm.max_map_count), EAGAIN. Source: mmap(2).
  [[nodiscard]] static Result<ReadOnlyMapping> map(int fd, Bytes size, MapOptions options = {});

  /// Page-aligned; empty once moved from.
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept {
    return {static_cast<const std::byte*>(range_.address()), range_.size()};
  }

 private:
  friend class SysvShm;
  explicit ReadOnlyMapping(MappedRange range) noexcept : range_{std::move(range)} {}
  MappedRange range_;
};

/// The same, for reading and writing. Into memory of a peer that is not trusted, write with copy_to_shared().
class [[nodiscard]] ReadWriteMapping {
 public:
  /// Errors: as ReadOnlyMapping::map, EACCES (a descriptor that was not opened for both), EPERM (sealed against writing).
  [[nodiscard]] static Result<ReadWriteMapping> map(int fd, Bytes size, MapOptions options = {});
  /// Memory without a name or descriptor, all zero, shared with the children of fork(2). Errors: EINVAL (size 0), ENOMEM.
  [[nodiscard]] static Result<ReadWriteMapping> anonymous(Bytes size);

  /// Page-aligned; empty once moved from.
  [[nodiscard]] std::span<std::byte> bytes() const noexcept {
    return {static_cast<std::byte*>(range_.address()), range_.size()};
  }

 private:
  friend class SysvShm;
  explicit ReadWriteMapping(MappedRange range) noexcept : range_{std::move(range)} {}
  MappedRange range_;
};

}  // namespace ginnel
