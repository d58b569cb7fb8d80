#include "ginnel/core/unique_fd.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "descriptor_limit.hpp"

namespace ginnel {

void UniqueFd::reset(int owned) noexcept {
  const int old = std::exchange(fd_, owned);
  if (old < 0) return;
  const int saved = errno;
  if (::close(old) < 0 && errno == EBADF) std::abort();
  errno = saved;
}

std::string descriptor_limit() {
  const int saved = errno;
  const long most = ::sysconf(_SC_OPEN_MAX);
  errno = saved;
  return most < 0 ? "unlimited" : std::to_string(most);
}

}  // namespace ginnel
