#include "ginnel/sys/sysv_shm.hpp"

#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>

#include <cerrno>
#include <string>
#include <string_view>

#include "huge_page_hint.hpp"
#include "kernel_setting.hpp"
#include "memory_file.hpp"
#include "system_call.hpp"
#include "sysv_object.hpp"

namespace ginnel {
namespace {

constexpr int page_size_shift = 26;         // SHM_HUGE_SHIFT
constexpr int destroyed_with_last = 01000;  // SHM_DEST

std::string name_of(const SysvName& name) {
  if (!name.key && !name.id) return "a private segment";
  Address address;
  address.kind = AddressKind::sysv_shm;
  address.sysv = name;
  return address.to_string();
}

std::string name_of(int id) { return name_of(SysvName{.key = std::nullopt, .id = id}); }

int huge_page_flags(HugePages huge) {
  switch (huge) {
    case HugePages::mib2:
      return SHM_HUGETLB | (21 << page_size_shift);
    case HugePages::gib1:
      return SHM_HUGETLB | (30 << page_size_shift);
    case HugePages::none:
      break;
  }
  return 0;
}

/// Limits and use are those of the caller's IPC namespace.
std::string full_hint() {
  shm_info use{};
  std::string hint = "this IPC namespace has no room for it: ";
  const bool known = ::shmctl(0, SHM_INFO, reinterpret_cast<shmid_ds*>(&use)) >= 0;
  const auto in_use = [known](std::uint64_t number) { return known ? " (" + std::to_string(number) + " in use)" : ""; };
  hint += kernel_setting("kernel.shmmni") + " segments" + in_use(static_cast<std::uint64_t>(use.used_ids)) + ", ";
  hint += kernel_setting("kernel.shmall") + " pages" + in_use(use.shm_tot);
  return hint + "; ipcs -m lists them";
}

std::string creation_hint(int code, Bytes size, HugePages huge) {
  switch (code) {
    case ENOSPC:
      return full_hint();
    case EINVAL:
      return size.to_string() + " is more than " + kernel_setting("kernel.shmmax") + "; raise it with sysctl";
    case ENOMEM:
      if (huge != HugePages::none) return huge_page_hint(code, size, huge);
      return memory_hint(size);
    case EPERM:
      return huge_page_hint(code, size, huge);
    case EEXIST:
      return "a segment of this key exists already; open it, or remove it when nobody uses it";
    default:
      return {};
  }
}

/// Why a segment that is there was not taken.
std::string existing_hint(int code, std::int32_t key, Bytes wanted) {
  if (code == EACCES) return "it exists, and its mode gives this user no permission: see ipcs -m";
  if (code != EINVAL) return {};
  const int id = ::shmget(key, 0, 0);
  shmid_ds status{};
  if (id < 0 || ::shmctl(id, IPC_STAT, &status) < 0) return "it exists and is smaller than " + wanted.to_string();
  return "it exists with " + Bytes{status.shm_segsz}.to_string() + ", and " + wanted.to_string() + " are wanted";
}

std::string use_hint(int code) {
  switch (code) {
    case EINVAL:
      return "there is no segment of this id: it has been removed, or never was in this IPC namespace";
    case EIDRM:
      return "it has been removed";
    case EACCES:
      return "its mode gives this user no permission: see ipcs -m";
    case EPERM:
      return "only its owner, its creator or root may remove it";
    case ENOMEM:
      return "no memory or address space left: " + process_limit("RLIMIT_AS", RLIMIT_AS) + ", " +
             kernel_setting("vm.max_map_count") + "; see 'ginnel limits'";
    default:
      return {};
  }
}

Error last_error(std::string_view operation, int id) {
  Error error = Error::last(operation, name_of(id));
  const std::string hint = use_hint(error.code());
  return std::move(error).with_hint(hint);
}

Result<MappedRange> attach(int id, int flags) {
  void* address = ::shmat(id, nullptr, flags);
  if (reinterpret_cast<std::intptr_t>(address) == -1) return std::unexpected{last_error("shmat", id)};
  shmid_ds status{};  // of what is attached, and so can no longer go
  if (::shmctl(id, IPC_STAT, &status) < 0) {
    Error error = last_error("shmctl IPC_STAT", id);
    ::shmdt(address);
    return std::unexpected{std::move(error)};
  }
  return MappedRange{address, status.shm_segsz, MappedRange::Release::shmdt};
}

/// Has every page allocated now. Reading is enough for that, since shared memory has no common page of zeros, and needs
/// no right to write.
Result<void> touch(int id) {
  auto attached = attach(id, SHM_RDONLY);
  if (!attached) return std::unexpected{attached.error()};
  if (retry_interrupted([&] { return ::madvise(attached->address(), attached->size(), MADV_POPULATE_READ); }) < 0) {
    // EFAULT is what a touch would have told by SIGBUS: no page to be had.
    const int code = errno == EFAULT ? ENOMEM : errno;
    return std::unexpected{Error{code, "madvise MADV_POPULATE_READ", name_of(id)}};
  }
  return {};
}

Error creation_error(Error error, const std::string& name, Bytes size, HugePages huge) {
  if (error.hint().empty()) {
    const std::string hint = creation_hint(error.code(), size, huge);
    error = std::move(error).with_hint(hint);
  }
  return std::move(error).with_object(name);
}

Result<void> check_request(std::optional<std::int32_t> key, Bytes size, HugePages huge, const std::string& name) {
  if (key == IPC_PRIVATE)
    return std::unexpected{
        Error{EINVAL, "shmget", name, "key 0 is IPC_PRIVATE: leave the key out for a private segment"}};
  if (size.count() == 0) return std::unexpected{Error{EINVAL, "shmget", name, "shared memory has at least one byte"}};
  // Beyond this the kernel would take pages until it has to kill somebody.
  if (huge == HugePages::none && size > available_memory()) return std::unexpected{Error{ENOMEM, "shmget", name}};
  return {};
}

}  // namespace

Result<SysvShm> SysvShm::create(std::optional<std::int32_t> key, Bytes size, SysvShmOptions options) {
  const std::string name = name_of(SysvName{.key = key, .id = std::nullopt});
  const auto failed = [&](Error error) {
    return std::unexpected{creation_error(std::move(error), name, size, options.huge)};
  };
  if (auto good = check_request(key, size, options.huge, name); !good) return failed(good.error());

  const int mode = static_cast<int>(options.mode & 0777U);
  const int flags = IPC_CREAT | IPC_EXCL | mode | huge_page_flags(options.huge);
  while (true) {
    const int made = ::shmget(key.value_or(IPC_PRIVATE), size.count(), flags);
    if (made >= 0) {
      SysvShm segment{made};
      auto touched = touch(made);
      if (touched) return segment;
      (void)segment.remove();
      return failed(touched.error());
    }
    if (errno != EEXIST || options.exclusive) return failed(Error::last("shmget"));

    const int existing = ::shmget(*key, size.count(), 0);
    const bool found = existing >= 0;
    shmid_ds status{};
    if (found && ::shmctl(existing, IPC_STAT, &status) == 0) {
      if (auto good = check_sysv_owner("shmget", name, status.shm_perm); !good) return std::unexpected{good.error()};
      return SysvShm{existing};
    }
    const bool removed_meanwhile = errno == ENOENT || (found && (errno == EINVAL || errno == EIDRM));
    if (removed_meanwhile) continue;
    Error error = Error::last(found ? "shmctl IPC_STAT" : "shmget", name);
    const std::string hint = existing_hint(error.code(), *key, size);
    return std::unexpected{std::move(error).with_hint(hint)};
  }
}

Result<SysvShm> SysvShm::open(const SysvName& name) {
  if (name.id) {
    SysvShm segment{*name.id};
    auto there = segment.statistics();
    if (!there) return std::unexpected{there.error()};
    return segment;
  }
  if (!name.key || *name.key == IPC_PRIVATE)
    return std::unexpected{Error{EINVAL, "shmget", name_of(name), "a private segment is opened by its id"}};
  const int id = ::shmget(*name.key, 0, 0);
  if (id < 0) {
    Error error = Error::last("shmget", name_of(name));
    const std::string_view hint =
        error.code() == ENOENT ? "no segment has this key in this IPC namespace: see ipcs -m" : "";
    return std::unexpected{std::move(error).with_hint(hint)};
  }
  return SysvShm{id};
}

Result<ReadOnlyMapping> SysvShm::attach_read_only() const {
  auto range = attach(id_, SHM_RDONLY);
  if (!range) return std::unexpected{range.error()};
  return ReadOnlyMapping{std::move(*range)};
}

Result<ReadWriteMapping> SysvShm::attach_read_write() const {
  auto range = attach(id_, 0);
  if (!range) return std::unexpected{range.error()};
  return ReadWriteMapping{std::move(*range)};
}

Result<SysvShmStatistics> SysvShm::statistics() const {
  shmid_ds status{};
  if (::shmctl(id_, IPC_STAT, &status) < 0) return std::unexpected{last_error("shmctl IPC_STAT", id_)};
  return SysvShmStatistics{.size = Bytes{status.shm_segsz},
                           .attached = status.shm_nattch,
                           .creator = status.shm_cpid,
                           .last_user = status.shm_lpid,
                           .attach_time = status.shm_atime,
                           .detach_time = status.shm_dtime,
                           .change_time = status.shm_ctime,
                           .owner = status.shm_perm.uid,
                           .group = status.shm_perm.gid,
                           .mode = status.shm_perm.mode & 0777U,
                           .removal_pending = (status.shm_perm.mode & destroyed_with_last) != 0};
}

Result<void> SysvShm::remove() {
  if (::shmctl(id_, IPC_RMID, nullptr) == 0) return {};
  return std::unexpected{last_error("shmctl IPC_RMID", id_)};
}

}  // namespace ginnel
