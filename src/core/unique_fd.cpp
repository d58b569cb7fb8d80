#include "ginnel/core/unique_fd.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>

namespace ginnel {

void UniqueFd::reset(int owned) noexcept {
  const int old = std::exchange(fd_, owned);
  if (old < 0) return;
  const int saved = errno;
  if (::close(old) < 0 && errno == EBADF) std::abort();
  errno = saved;
}

}  // namespace ginnel
