#include "ginnel/sys/posix_queue_files.hpp"

#include <fcntl.h>
#include <mqueue.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>

namespace ginnel {
namespace {

constexpr long mqueue_magic = 0x19800202;  // statfs(2), MQUEUE_MAGIC
constexpr unsigned fsopen_cloexec = 1;
constexpr unsigned fsmount_cloexec = 1;
constexpr unsigned fsconfig_cmd_create = 6;

/// A mount that is attached nowhere: nobody else sees it, and it goes with its descriptor.
Result<UniqueFd> mount_for_ourselves() {
  const UniqueFd context{static_cast<int>(::syscall(SYS_fsopen, "mqueue", fsopen_cloexec))};
  if (!context.valid()) return std::unexpected{Error::last("fsopen", "mqueue")};
  if (::syscall(SYS_fsconfig, context.get(), fsconfig_cmd_create, nullptr, nullptr, 0) < 0)
    return std::unexpected{Error::last("fsconfig", "mqueue")};
  UniqueFd mounted{static_cast<int>(::syscall(SYS_fsmount, context.get(), fsmount_cloexec, 0))};
  if (!mounted.valid()) return std::unexpected{Error::last("fsmount", "mqueue")};
  // The mount's descriptor is O_PATH, which cannot be listed.
  UniqueFd listable{::openat(mounted.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!listable.valid()) return std::unexpected{Error::last("openat", "mqueue")};
  return listable;
}

Result<Directory> what_is_mounted() {
  auto directory = Directory::open("/dev/mqueue");
  if (!directory) return directory;
  struct statfs kind{};
  if (::fstatfs(directory->descriptor(), &kind) < 0) return std::unexpected{Error::last("fstatfs", "/dev/mqueue")};
  if (kind.f_type != mqueue_magic)
    return std::unexpected{Error{ENOENT, "open", "/dev/mqueue",
                                 "no mqueue file system is mounted there, and mounting one needs CAP_SYS_ADMIN"}};
  return directory;
}

}  // namespace

Result<Directory> posix_queue_directory() {
  auto mounted = mount_for_ourselves();
  if (mounted) return Directory::adopt(std::move(*mounted));
  const int refusal = mounted.error().code();
  const bool may_not_mount = refusal == EPERM || refusal == EACCES || refusal == ENOSYS;
  if (!may_not_mount) return std::unexpected{mounted.error()};
  return what_is_mounted();
}

Result<PosixQueueFill> posix_queue_fill(const Directory& queues, const char* name) {
  const UniqueFd queue{::openat(queues.descriptor(), name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW)};
  if (!queue.valid()) return std::unexpected{Error::last("openat", name)};
  mq_attr attributes{};
  if (::mq_getattr(queue.get(), &attributes) < 0) return std::unexpected{Error::last("mq_getattr", name)};
  return PosixQueueFill{.messages_max = attributes.mq_maxmsg,
                        .message_size = attributes.mq_msgsize,
                        .messages_queued = attributes.mq_curmsgs};
}

}  // namespace ginnel
