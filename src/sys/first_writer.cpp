#include "first_writer.hpp"

#include <poll.h>
#include <sys/stat.h>

#include <cerrno>

#include "system_call.hpp"

namespace ginnel {

bool awaits_first_writer(int fd) noexcept {
  const int saved = errno;
  struct stat status{};
  pollfd state{.fd = fd, .events = POLLIN, .revents = 0};
  const bool is_fifo = ::fstat(fd, &status) == 0 && S_ISFIFO(status.st_mode);
  // Data that has come meanwhile is no end either.
  const bool waits = is_fifo && retry_interrupted([&] { return ::poll(&state, 1, 0); }) >= 0 &&
                     ((state.revents & POLLHUP) == 0 || (state.revents & POLLIN) != 0);
  errno = saved;
  return waits;
}

}  // namespace ginnel
