#include "ginnel/sys/epoll.hpp"

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>

#include "ginnel/sys/io.hpp"
#include "kernel_setting.hpp"

namespace ginnel {
namespace {

constexpr std::size_t most_at_once = 64;

std::string name_of(int fd) { return "fd " + std::to_string(fd); }

}  // namespace

Result<Epoll> Epoll::create() {
  UniqueFd set{::epoll_create1(EPOLL_CLOEXEC)};
  if (!set.valid()) return std::unexpected{Error::last("epoll_create")};
  return Epoll{std::move(set)};
}

Result<void> Epoll::add(int fd, std::uint64_t key) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLRDHUP;
  event.data.u64 = key;
  if (::epoll_ctl(set_.get(), EPOLL_CTL_ADD, fd, &event) == 0) return {};
  Error error = Error::last("epoll_ctl", name_of(fd));
  if (error.code() == ENOSPC)
    return std::unexpected{std::move(error).with_hint("this user waits for too many descriptors (" +
                                                      kernel_setting("fs.epoll.max_user_watches") + ")")};
  return std::unexpected{std::move(error)};
}

void Epoll::remove(int fd) noexcept { static_cast<void>(::epoll_ctl(set_.get(), EPOLL_CTL_DEL, fd, nullptr)); }

Result<Outcome<EpollReady, TimedOut>> Epoll::wait(std::span<std::uint64_t> keys, Deadline deadline) {
  std::array<epoll_event, most_at_once> events{};
  const int room = static_cast<int>(std::min(keys.size(), events.size()));
  while (true) {
    // The set is waited for as a descriptor: its own call counts in milliseconds.
    const int count = ::epoll_wait(set_.get(), events.data(), room, deadline.is_never() ? -1 : 0);
    if (count < 0 && errno != EINTR) return std::unexpected{Error::last("epoll_wait", name_of(set_.get()))};
    for (int i = 0; i < count; ++i) keys[static_cast<std::size_t>(i)] = events[static_cast<std::size_t>(i)].data.u64;
    if (count > 0) return EpollReady{static_cast<std::size_t>(count)};
    if (deadline.is_never() || count < 0) continue;
    if (deadline.is_immediate()) return TimedOut{};
    auto ready = wait_ready(set_.get(), Interest::readable, deadline);
    if (!ready) return std::unexpected{ready.error()};
    if (ready->is<TimedOut>()) return TimedOut{};
  }
}

}  // namespace ginnel
