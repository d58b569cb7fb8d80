#pragma once

#include <string>
#include <utility>

#include "ginnel/core/bytes.hpp"
#include "ginnel/core/result.hpp"
#include "ginnel/core/unique_fd.hpp"
#include "ginnel/sys/huge_pages.hpp"
#include "ginnel/sys/mapping.hpp"

namespace ginnel {

/// Seals of a memfd; combine with |. They can be added and never taken away. Source: fcntl(2), F_ADD_SEALS.
enum class Seals : unsigned {
  none = 0,
  seal = 1,           ///< no more seals
  shrink = 2,         ///< cannot get smaller; holes can still be punched: bytes become 0
  grow = 4,           ///< cannot get larger
  write = 8,          ///< nobody writes, and no holes; needs that no writable mapping exists (EBUSY)
  future_write = 16,  ///< no new way to write, and no holes; mappings made before still write
  exec = 32,          ///< its execute permission cannot change; from Linux 6.3 on
};
[[nodiscard]] constexpr Seals operator|(Seals a, Seals b) noexcept {
  return static_cast<Seals>(static_cast<unsigned>(a) | static_cast<unsigned>(b));
}
[[nodiscard]] constexpr bool contains(Seals all, Seals wanted) noexcept {
  return (static_cast<unsigned>(all) & static_cast<unsigned>(wanted)) == static_cast<unsigned>(wanted);
}
/// `shrink|grow`; `none`.
[[nodiscard]] std::string to_string(Seals seals);

/// Anonymous memory behind a descriptor, to be passed to others: no name, nothing to clean up. Source: memfd_create(2).
/// Thread-safe apart from moves; a child of fork(2) has a handle of its own, exec(2) closes it.
class [[nodiscard]] Memfd {
 public:
  /// Makes one, all zero and allocated, that can be sealed and not executed (the latter from Linux 6.3 on, where it shows as
  /// Seals::exec). `name` is only what /proc shows, 249 bytes at most. With huge pages the size must be a multiple of theirs.
  /// Errors: ENOSPC or ENOMEM (no room; or not that many huge pages reserved: tells how many are free and the setting),
  /// EINVAL (size 0, or no multiple; name too long), EFBIG (RLIMIT_FSIZE), ENODEV (no huge pages of that size here), EMFILE,
  /// ENFILE.
  [[nodiscard]] static Result<Memfd> create(const std::string& name, Bytes size, HugePages huge = HugePages::none);
  /// Takes one from a stranger: kind, seals and size are checked, in this order, before anything is mapped. What is not
  /// sealed can change between the check and the use: ask at least for Seals::shrink, and for Seals::write or
  /// Seals::future_write where holes (bytes that become 0) or later changes would matter.
  /// Errors: EINVAL (no memfd), EPERM (a seal of `required` is missing: tells which), EFBIG (over `size_max`), ENODATA
  /// (empty, or sparse: a hole could SIGBUS when memory is short), EBADF. The descriptor is closed on an error.
  [[nodiscard]] static Result<Memfd> adopt(UniqueFd fd, Seals required, Bytes size_max);

  /// Errors: EPERM (sealed with Seals::seal, or opened read-only), EBUSY (Seals::write while a writable mapping exists),
  /// EINVAL (Seals::exec before Linux 6.3).
  [[nodiscard]] Result<void> add_seals(Seals seals);
  [[nodiscard]] Result<Seals> seals() const;
  [[nodiscard]] Result<Bytes> size() const;
  /// Maps the whole of it. Errors: as ReadOnlyMapping::map.
  [[nodiscard]] Result<ReadOnlyMapping> map_read_only() const;
  /// Maps the whole of it. Errors: as ReadWriteMapping::map; EPERM (sealed against writing).
  [[nodiscard]] Result<ReadWriteMapping> map_read_write() const;
  [[nodiscard]] int descriptor() const noexcept { return file_.get(); }
  [[nodiscard]] UniqueFd release() && noexcept { return std::move(file_); }

 private:
  explicit Memfd(UniqueFd file) noexcept : file_{std::move(file)} {}
  UniqueFd file_;
};

}  // namespace ginnel
