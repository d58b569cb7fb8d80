#include "ginnel/sys/memfd.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>

#include "ginnel/sys/io.hpp"
#include "huge_page_hint.hpp"
#include "memory_file.hpp"
#include "system_call.hpp"

namespace ginnel {
namespace {

static_assert(static_cast<int>(Seals::seal) == F_SEAL_SEAL && static_cast<int>(Seals::shrink) == F_SEAL_SHRINK);
static_assert(static_cast<int>(Seals::grow) == F_SEAL_GROW && static_cast<int>(Seals::write) == F_SEAL_WRITE);
static_assert(static_cast<int>(Seals::future_write) == F_SEAL_FUTURE_WRITE);

constexpr unsigned noexec_seal = 0x0008U;  // MFD_NOEXEC_SEAL, which the headers of Linux 6.1 do not have yet
constexpr unsigned page_size_shift = 26;   // MFD_HUGE_SHIFT

constexpr std::array seal_names{
    std::pair{Seals::seal, "seal"}, std::pair{Seals::shrink, "shrink"},
    std::pair{Seals::grow, "grow"}, std::pair{Seals::write, "write"},
    std::pair{Seals::exec, "exec"}, std::pair{Seals::future_write, "future_write"},
};

std::string name_of(int fd) { return "memfd " + std::to_string(fd); }

unsigned huge_page_flags(HugePages huge) {
  switch (huge) {
    case HugePages::mib2:
      return MFD_HUGETLB | (21U << page_size_shift);
    case HugePages::gib1:
      return MFD_HUGETLB | (30U << page_size_shift);
    case HugePages::none:
      break;
  }
  return 0;
}

/// Linux before 6.3 says EINVAL to the flag, which is the same as for a name that is too long.
int create_sealable(const std::string& name, unsigned flags) {
  const int fd = ::memfd_create(name.c_str(), flags | noexec_seal);
  if (fd >= 0 || errno != EINVAL) return fd;
  return ::memfd_create(name.c_str(), flags);
}

std::string creation_hint(int code, Bytes size, HugePages huge) {
  if (huge != HugePages::none) return huge_page_hint(code, size, huge);
  if (code == EINVAL) return "the name of a memfd has at most 249 bytes";
  if (code == ENOSPC || code == ENOMEM)
    return memory_hint(size);
  return {};
}

Error creation_error(Error error, const std::string& name, Bytes size, HugePages huge) {
  if (error.hint().empty()) {
    const std::string hint = creation_hint(error.code(), size, huge);
    error = std::move(error).with_hint(hint);
  }
  return std::move(error).with_object(name);
}

Result<void> check_room(const std::string& name, Bytes size, HugePages huge) {
  if (huge == HugePages::none) {
    if (size > available_memory()) return std::unexpected{Error{ENOMEM, "memfd_create", name}};
    return {};
  }
  const Bytes page = page_size(huge);
  if (size.count() % page.count() != 0)
    return std::unexpected{Error{EINVAL, "memfd_create", name,
                                 size.to_string() + " is not a multiple of the huge page's " + page.to_string()}};
  return {};
}

Seals without(Seals all, Seals some) {
  return static_cast<Seals>(static_cast<unsigned>(all) & ~static_cast<unsigned>(some));
}

Result<Seals> seals_of(int fd) {
  const int seals = ::fcntl(fd, F_GET_SEALS);
  if (seals < 0) return std::unexpected{Error::last("fcntl F_GET_SEALS", name_of(fd))};
  return static_cast<Seals>(seals);
}

Result<void> check_size(int fd, Bytes size_max) {
  struct stat status{};
  if (::fstat(fd, &status) < 0) return std::unexpected{Error::last("fstat", name_of(fd))};
  const auto refuse = [fd](int code, std::string_view why) {
    return std::unexpected{Error{code, "adopt a memfd", name_of(fd), why}};
  };
  const Bytes size{static_cast<std::uint64_t>(status.st_size)};
  if (size.count() == 0) return refuse(ENODATA, "it is empty");
  if (size > size_max)
    return refuse(EFBIG,
                  "it has " + size.to_string() + ", more than the " + size_max.to_string() + " that are accepted");
  const Bytes allocated{static_cast<std::uint64_t>(status.st_blocks) * 512U};
  if (allocated < size)
    return refuse(ENODATA, "it is sparse: only " + allocated.to_string() + " of its " + size.to_string() +
                               " are allocated, and touching the rest could raise SIGBUS");
  return {};
}

}  // namespace

std::string to_string(Seals seals) {
  std::string text;
  for (const auto& [seal, name] : seal_names) {
    if (!contains(seals, seal)) continue;
    if (!text.empty()) text += '|';
    text += name;
  }
  return text.empty() ? "none" : text;
}

Result<Memfd> Memfd::create(const std::string& name, Bytes size, HugePages huge) {
  const auto failed = [&](Error error) { return std::unexpected{creation_error(std::move(error), name, size, huge)}; };
  if (auto room = check_room(name, size, huge); !room) return failed(room.error());

  UniqueFd file{create_sealable(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | huge_page_flags(huge))};
  if (!file.valid()) return failed(Error::last("memfd_create"));
  const Bytes unit =
      huge == HugePages::none ? Bytes{static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE))} : page_size(huge);
  if (auto allocated = allocate_memory(file.get(), size, unit, name); !allocated) return failed(allocated.error());
  return Memfd{std::move(file)};
}

Result<Memfd> Memfd::adopt(UniqueFd fd, Seals required, Bytes size_max) {
  auto kind = descriptor_kind(fd.get());
  if (!kind) return std::unexpected{kind.error()};
  if (*kind != DescriptorKind::memfd)
    return std::unexpected{Error{EINVAL, "adopt a memfd", "fd " + std::to_string(fd.get()),
                                 "it is no memfd but: " + std::string{to_string(*kind)}}};
  auto present = seals_of(fd.get());
  if (!present) return std::unexpected{present.error()};
  if (!contains(*present, required))
    return std::unexpected{Error{EPERM, "adopt a memfd", name_of(fd.get()),
                                 "these seals are missing: " + to_string(without(required, *present))}};
  if (auto checked = check_size(fd.get(), size_max); !checked) return std::unexpected{checked.error()};
  return Memfd{std::move(fd)};
}

Result<void> Memfd::add_seals(Seals seals) {
  if (::fcntl(file_.get(), F_ADD_SEALS, static_cast<int>(seals)) == 0) return {};
  Error error = Error::last("fcntl F_ADD_SEALS", name_of(file_.get()));
  std::string_view hint;
  if (error.code() == EPERM) hint = "no seal can be added any more, or the descriptor was not opened for writing";
  if (error.code() == EBUSY) hint = "it is mapped for writing somewhere; unmap it first, or use future_write";
  return std::unexpected{std::move(error).with_hint(hint)};
}

Result<Seals> Memfd::seals() const { return seals_of(file_.get()); }

Result<Bytes> Memfd::size() const { return file_size(file_.get(), name_of(file_.get())); }

Result<ReadOnlyMapping> Memfd::map_read_only() const {
  auto whole = size();
  if (!whole) return std::unexpected{whole.error()};
  return ReadOnlyMapping::map(file_.get(), *whole);
}

Result<ReadWriteMapping> Memfd::map_read_write() const {
  auto whole = size();
  if (!whole) return std::unexpected{whole.error()};
  return ReadWriteMapping::map(file_.get(), *whole);
}

}  // namespace ginnel
