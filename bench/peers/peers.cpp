#include <cstdio>
#include <cstdlib>

#include "peer.hpp"

namespace ginnel::bench {

void peer_failed(const char* what) {
  std::perror(what);
  std::_Exit(2);
}

std::vector<Peer> peers() {
  std::vector<Peer> all{unix_socket_peer(), posix_queue_peer()};
#ifdef GINNEL_BENCH_BOOST_QUEUE
  all.push_back(boost_queue_peer());
#endif
#ifdef GINNEL_BENCH_ZEROMQ
  all.push_back(zeromq_peer());
#endif
#ifdef GINNEL_BENCH_NNG
  all.push_back(nng_peer());
#endif
#ifdef GINNEL_BENCH_ICEORYX
  all.push_back(iceoryx_peer());
#endif
  return all;
}

}  // namespace ginnel::bench
