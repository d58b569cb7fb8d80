#include "ginnel/sys/directory_watch.hpp"

#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>

#include "kernel_setting.hpp"
#include "system_call.hpp"

namespace ginnel {
namespace {

Error watch_error(const char* operation) {
  Error error = Error::last(operation);
  if (error.code() == EMFILE)
    return std::move(error).with_hint("this user's " + kernel_setting("fs.inotify.max_user_instances") +
                                      ", or this process's descriptors, are used up");
  if (error.code() == ENOSPC)
    return std::move(error).with_hint("this user's " + kernel_setting("fs.inotify.max_user_watches") + " are used up");
  return error;
}

}  // namespace

Result<DirectoryWatch> DirectoryWatch::of(int directory) {
  UniqueFd notifications{::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)};
  if (!notifications.valid()) return std::unexpected{watch_error("inotify_init1")};
  const std::string path = "/proc/self/fd/" + std::to_string(directory);
  constexpr unsigned events = IN_CREATE | IN_DELETE | IN_MODIFY | IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM;
  if (::inotify_add_watch(notifications.get(), path.c_str(), events) < 0)
    return std::unexpected{watch_error("inotify_add_watch")};
  return DirectoryWatch{std::move(notifications)};
}

Result<void> DirectoryWatch::ring(int file, std::uint64_t offset) {
  const char zero = 0;
  if (retry_interrupted([&] { return ::pwrite(file, &zero, 1, static_cast<off_t>(offset)); }) < 0)
    return std::unexpected{Error::last("pwrite")};
  return {};
}

bool DirectoryWatch::clear() const noexcept {
  alignas(inotify_event) std::array<char, 4096>
      events;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled by the kernel
  bool was_closed = false;
  while (true) {
    const auto size = retry_interrupted([&] { return ::read(notifications_.get(), events.data(), events.size()); });
    if (size <= 0) return was_closed;
    for (std::size_t at = 0; at + sizeof(inotify_event) <= static_cast<std::size_t>(size);) {
      const auto& event = *reinterpret_cast<const inotify_event*>(events.data() + at);
      if ((event.mask & (IN_CLOSE_WRITE | IN_Q_OVERFLOW)) != 0) was_closed = true;
      at += sizeof(inotify_event) + event.len;
    }
  }
}

}  // namespace ginnel
