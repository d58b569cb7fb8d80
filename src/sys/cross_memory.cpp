#include "ginnel/sys/cross_memory.hpp"

#include <sys/prctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <string>
#include <string_view>

#include "kernel_setting.hpp"

namespace ginnel {
namespace {

std::string name_of(const Process& process) { return "pid " + std::to_string(process.pid()); }

bool has_yama() { return ::access("/proc/sys/kernel/yama/ptrace_scope", F_OK) == 0; }

std::string refusal_hint(int code, std::string_view what_failed) {
  switch (code) {
    case EPERM: {
      std::string hint =
          "ptrace(2) rules: it must run as the same user and group and be dumpable, or this process needs "
          "CAP_SYS_PTRACE";
      if (has_yama())
        hint += "; and " + kernel_setting("kernel.yama.ptrace_scope") +
                " restricts it to descendants above 0, and to what allow_access_by() permits at 1";
      return hint;
    }
    case EFAULT:
      return "nothing " + std::string{what_failed} + " is mapped at that address";
    case ENOSYS:
      return "this kernel, or a seccomp filter, does not offer it";
    default:
      return {};
  }
}

/// One step of a copy: process_vm_readv or process_vm_writev.
using Step = ssize_t (*)(pid_t, const iovec*, unsigned long, const iovec*, unsigned long, unsigned long);

struct Direction {
  Step step;
  const char* operation;
  std::string_view needs;
};

/// How many bytes were copied; no value when the process has ended. One call stops short of 2 GiB, and at the first page
/// that cannot be had.
Result<std::optional<std::size_t>> copy(const Process& process, std::uintptr_t address, std::span<std::byte> local,
                                        const Direction& direction) {
  if (!process.alive()) return std::nullopt;
  std::size_t copied = 0;
  while (copied < local.size()) {
    const std::size_t left = local.size() - copied;
    const iovec here{.iov_base = local.data() + copied, .iov_len = left};
    // NOLINTNEXTLINE(performance-no-int-to-ptr): an address of the other process, which points at nothing here
    const iovec there{.iov_base = reinterpret_cast<void*>(address + copied), .iov_len = left};
    const ssize_t count = direction.step(process.pid(), &here, 1, &there, 1, 0);
    if (count > 0) {
      copied += static_cast<std::size_t>(count);
      continue;
    }
    const int code = count == 0 ? EFAULT : errno;
    if (code == ESRCH || !process.alive()) return std::nullopt;
    if (copied > 0) break;
    return std::unexpected{Error{code, direction.operation, name_of(process), refusal_hint(code, direction.needs)}};
  }
  // Were it dead now, another process might have had its number during the copy.
  if (!process.alive()) return std::nullopt;
  return copied;
}

}  // namespace

Result<Outcome<BytesRead, PeerGone>> read_memory(const Process& process, std::uintptr_t address,
                                                 std::span<std::byte> destination) {
  auto count = copy(process, address, destination, {::process_vm_readv, "process_vm_readv", "readable"});
  if (!count) return std::unexpected{count.error()};
  if (!*count) return PeerGone{};
  return BytesRead{**count};
}

Result<Outcome<BytesWritten, PeerGone>> write_memory(const Process& process, std::uintptr_t address,
                                                     std::span<const std::byte> data) {
  const std::span<std::byte> local{const_cast<std::byte*>(data.data()), data.size()};
  auto count = copy(process, address, local, {::process_vm_writev, "process_vm_writev", "writable"});
  if (!count) return std::unexpected{count.error()};
  if (!*count) return PeerGone{};
  return BytesWritten{**count};
}

Result<void> allow_access_by(const Process& process) {
  if (process.alive()) {
    const int outcome = ::prctl(PR_SET_PTRACER, static_cast<unsigned long>(process.pid()), 0, 0, 0);
    const int code = outcome < 0 ? errno : 0;
    if (code == 0 || (code == EINVAL && !has_yama())) return {};
    if (code != EINVAL) return std::unexpected{Error{code, "prctl PR_SET_PTRACER", name_of(process)}};
  }
  return std::unexpected{Error{ESRCH, "prctl PR_SET_PTRACER", name_of(process), "that process has ended"}};
}

}  // namespace ginnel
