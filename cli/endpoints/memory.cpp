#include "endpoints/memory.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <string>
#include <utility>

#include "ginnel/core/unique_fd.hpp"
#include "ginnel/sys/shared_memory.hpp"

namespace ginnel::cli {
namespace {

Error no_descriptor(Error error, const Address& address) {
  const std::string process = "process " + std::to_string(address.pid);
  struct stat status{};
  const bool is_there = ::stat(("/proc/" + std::to_string(address.pid)).c_str(), &status) == 0;
  std::string hint = error.hint();
  if (error.code() == ENOENT)
    hint = is_there ? process + " has no descriptor " + std::to_string(address.fd)
                    : "there is no " + process + ", or it may not be seen";
  if (error.code() == EACCES && is_there)
    hint = process + " is of uid " + std::to_string(status.st_uid) +
           ": only that user and root may open what it has open, and only as the file's mode allows";
  return std::move(error).with_hint(hint);
}

template <class Mapping>
Result<Mapping> map_descriptor_of(const Address& address, int access) {
  const std::string path = "/proc/" + std::to_string(address.pid) + "/fd/" + std::to_string(address.fd);
  const UniqueFd file{::open(path.c_str(), access | O_CLOEXEC | O_NONBLOCK)};
  if (!file.valid()) return std::unexpected{no_descriptor(Error::last("open", address.to_string()), address)};
  struct stat status{};
  if (::fstat(file.get(), &status) < 0) return std::unexpected{Error::last("fstat", address.to_string())};
  if (!S_ISREG(status.st_mode))
    return std::unexpected{Error{EINVAL, "open", address.to_string(), "that descriptor is no memory file"}};
  auto mapped = Mapping::map(file.get(), Bytes{static_cast<std::uint64_t>(status.st_size)});
  if (!mapped) return std::unexpected{Error{mapped.error()}.with_object(address.to_string())};
  return mapped;
}

}  // namespace

Result<ReadOnlyMapping> memory_to_read(const Address& address) {
  if (address.kind == AddressKind::memfd) return map_descriptor_of<ReadOnlyMapping>(address, O_RDONLY);
  if (address.kind == AddressKind::sysv_shm) {
    auto segment = SysvShm::open(address.sysv);
    if (!segment) return std::unexpected{segment.error()};
    return segment->attach_read_only();
  }
  auto object = PosixShm::open(address.name, PosixShm::Access::read_only);
  if (!object) return std::unexpected{object.error()};
  return object->map_read_only();
}

Result<ReadWriteMapping> memory_to_write(const Address& address) {
  if (address.kind == AddressKind::memfd) return map_descriptor_of<ReadWriteMapping>(address, O_RDWR);
  if (address.kind == AddressKind::sysv_shm) {
    auto segment = SysvShm::open(address.sysv);
    if (!segment) return std::unexpected{segment.error()};
    return segment->attach_read_write();
  }
  auto object = PosixShm::open(address.name, PosixShm::Access::read_write);
  if (!object) return std::unexpected{object.error()};
  return object->map_read_write();
}

}  // namespace ginnel::cli
