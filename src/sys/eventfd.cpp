#include "ginnel/sys/eventfd.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <climits>
#include <string>

#include "ginnel/sys/io.hpp"
#include "system_call.hpp"

namespace ginnel {
namespace {

std::string name_of(int fd) { return "fd " + std::to_string(fd); }

}  // namespace

Result<Eventfd> Eventfd::create(EventfdOptions options) {
  int flags = EFD_CLOEXEC | EFD_NONBLOCK;
  if (options.semaphore) flags |= EFD_SEMAPHORE;

  // The system call takes the initial count as an unsigned int; a larger one goes in by an add.
  const bool fits = options.initial <= UINT_MAX;
  UniqueFd fd{::eventfd(fits ? static_cast<unsigned>(options.initial) : 0, flags)};
  if (!fd.valid()) return std::unexpected{Error::last("eventfd")};

  Eventfd counter{std::move(fd)};
  if (!fits) {
    auto added = counter.add(options.initial, Deadline::immediately());
    if (!added) return std::unexpected{added.error()};
  }
  return counter;
}

Result<Eventfd> Eventfd::adopt(UniqueFd fd) {
  auto kind = descriptor_kind(fd.get());
  if (!kind) return std::unexpected{kind.error()};
  if (*kind != DescriptorKind::eventfd) {
    const std::string hint = "it is a " + std::string{to_string(*kind)} + ", no eventfd";
    return std::unexpected{Error{EINVAL, "adopt an eventfd", name_of(fd.get()), hint}};
  }
  auto nonblocking = set_nonblocking(fd.get(), true);
  if (!nonblocking) return std::unexpected{nonblocking.error()};
  auto close_on_exec = set_close_on_exec(fd.get(), true);
  if (!close_on_exec) return std::unexpected{close_on_exec.error()};
  return Eventfd{std::move(fd)};
}

Result<Outcome<Done, TimedOut>> Eventfd::add(std::uint64_t count, Deadline deadline) {
  // Poll says writable as soon as a 1 fits, which a larger count may still not: then only trying again helps.
  Backoff backoff{std::chrono::milliseconds{1}};
  while (true) {
    if (retry_interrupted([&] { return ::write(fd_.get(), &count, sizeof count); }) >= 0) return Done{};
    if (errno == EINVAL)
      return std::unexpected{Error::last("write", name_of(fd_.get()))
                                 .with_hint("one add takes at most 2^64 - 2, which is Eventfd::count_max")};
    if (errno != EAGAIN) return std::unexpected{Error::last("write", name_of(fd_.get()))};

    auto ready = wait_ready(fd_.get(), Interest::writable, deadline);
    if (!ready) return std::unexpected{ready.error()};
    if (ready->is<TimedOut>() || deadline.passed()) return TimedOut{};
    if (count > 1) backoff.pause(deadline);
  }
}

Result<Outcome<EventCount, TimedOut>> Eventfd::take(Deadline deadline) {
  while (true) {
    EventCount taken;
    if (retry_interrupted([&] { return ::read(fd_.get(), &taken.count, sizeof taken.count); }) >= 0) return taken;
    if (errno != EAGAIN) return std::unexpected{Error::last("read", name_of(fd_.get()))};

    auto ready = wait_ready(fd_.get(), Interest::readable, deadline);
    if (!ready) return std::unexpected{ready.error()};
    if (ready->is<TimedOut>()) return TimedOut{};
  }
}

}  // namespace ginnel
