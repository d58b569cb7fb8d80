#include "ginnel/sys/socket_namespace.hpp"

#include <fcntl.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>

namespace ginnel {

Result<UniqueFd> network_namespace_of(int socket) {
  UniqueFd space{::ioctl(socket, SIOCGSKNS)};
  if (!space.valid())
    return std::unexpected{Error::last("ioctl SIOCGSKNS").with_hint("needs CAP_NET_ADMIN in that network namespace")};
  if (::fcntl(space.get(), F_SETFD, FD_CLOEXEC) < 0) return std::unexpected{Error::last("fcntl F_SETFD")};
  return space;
}

}  // namespace ginnel
