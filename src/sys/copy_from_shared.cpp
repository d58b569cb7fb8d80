#include "ginnel/sys/copy_from_shared.hpp"

#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <string_view>

namespace ginnel {
namespace {

/// process_vm_readv, or process_vm_writev.
using Call = decltype(&::process_vm_readv);

Result<std::size_t> copy(Call call, std::string_view name, std::string_view instead, std::byte* own, std::byte* shared,
                         std::size_t wanted) {
  const pid_t self = ::getpid();
  std::size_t copied = 0;
  // One call stops short of 2 GiB, and at a page that is gone: then the next one starts with it and says EFAULT.
  while (copied < wanted) {
    const iovec here{.iov_base = own + copied, .iov_len = wanted - copied};
    const iovec there{.iov_base = shared + copied, .iov_len = wanted - copied};
    const ssize_t count = call(self, &here, 1, &there, 1, 0);
    if (count > 0) {
      copied += static_cast<std::size_t>(count);
      continue;
    }
    if (count == 0 || errno == EFAULT) break;
    Error error = Error::last(name, "own memory");
    if (error.code() != EPERM && error.code() != ENOSYS) return std::unexpected{std::move(error)};
    const std::string hint = "a seccomp filter forbids it here; use " + std::string{instead} + " on the descriptor";
    return std::unexpected{std::move(error).with_hint(hint)};
  }
  return copied;
}

}  // namespace

Result<std::size_t> copy_from_shared(std::span<const std::byte> shared, std::span<std::byte> destination) {
  return copy(::process_vm_readv, "process_vm_readv", "pread(2)", destination.data(),
              const_cast<std::byte*>(shared.data()), std::min(shared.size(), destination.size()));
}

Result<std::size_t> copy_to_shared(std::span<const std::byte> source, std::span<std::byte> shared) {
  return copy(::process_vm_writev, "process_vm_writev", "pwrite(2)", const_cast<std::byte*>(source.data()),
              shared.data(), std::min(source.size(), shared.size()));
}

}  // namespace ginnel
