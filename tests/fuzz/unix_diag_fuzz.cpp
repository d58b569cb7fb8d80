#include "ginnel/sys/unix_diag.hpp"
#include "target.hpp"

// A datagram of sock_diag(7).

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace ginnel;
  std::vector<UnixSocketInfo> sockets;
  if (const auto last = parse_unix_diag(fuzz::text_of(bytes, size), sockets); !last)
    fuzz::insist(last.error().code() != 0);
  fuzz::insist(sockets.size() <= size);
  return 0;
}
