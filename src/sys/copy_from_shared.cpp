#include "ginnel/sys/copy_from_shared.hpp"

#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>

namespace ginnel {

Result<std::size_t> copy_from_shared(std::span<const std::byte> shared, std::span<std::byte> destination) {
  const std::size_t wanted = std::min(shared.size(), destination.size());
  const pid_t self = ::getpid();
  std::size_t copied = 0;
  // One call stops short of 2 GiB, and at a page that is gone: then the next one starts with it and says EFAULT.
  while (copied < wanted) {
    const iovec to{.iov_base = destination.data() + copied, .iov_len = wanted - copied};
    const iovec from{.iov_base = const_cast<std::byte*>(shared.data() + copied), .iov_len = wanted - copied};
    const ssize_t count = ::process_vm_readv(self, &to, 1, &from, 1, 0);
    if (count > 0) {
      copied += static_cast<std::size_t>(count);
      continue;
    }
    if (count == 0 || errno == EFAULT) break;
    Error error = Error::last("process_vm_readv", "own memory");
    const bool forbidden = error.code() == EPERM || error.code() == ENOSYS;
    return std::unexpected{std::move(error).with_hint(
        forbidden ? "a seccomp filter forbids it here; use pread(2) on the descriptor" : "")};
  }
  return copied;
}

}  // namespace ginnel
