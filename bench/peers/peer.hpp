#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

// Other ways to pass messages between two processes, in one shape: open two ends, send n bytes, receive n bytes. Each end
// writes every byte of what it sends and reads every byte of what it receives; where the mechanism has messages in place, in place.

namespace ginnel::bench {

enum class Side { first, second };
enum class Wait { polling, sleeping };

class PeerEnd {
 public:
  PeerEnd() = default;
  PeerEnd(const PeerEnd&) = delete;
  PeerEnd& operator=(const PeerEnd&) = delete;
  virtual ~PeerEnd() = default;

  /// Waits while there is no room. Ends the process when the mechanism fails.
  virtual void send(std::size_t bytes) = 0;
  virtual void receive(std::size_t bytes) = 0;
};

struct Peer {
  std::string name;
  std::size_t longest = 0;  ///< message, in bytes
  bool can_sleep = true;
  bool can_poll = true;
  /// Opens one end of a connection of that name, for messages of that many bytes. The two ends are opened at the same time, in two processes;
  /// each waits for the other.
  std::unique_ptr<PeerEnd> (*open)(const std::string& name, Side side, Wait wait, std::size_t bytes) = nullptr;
  /// Removes what was opened under the name, after both ends.
  void (*remove)(const std::string& name) = nullptr;
  /// What has to run beside the two processes, started before either; an empty function where nothing has.
  void (*start)() = nullptr;
  void (*stop)() = nullptr;
};

/// Those that were built. Each is in a file of its own.
[[nodiscard]] std::vector<Peer> peers();

/// Ends the process with what failed, and errno's text.
[[noreturn]] void peer_failed(const char* what);

Peer unix_socket_peer();
Peer posix_queue_peer();
Peer boost_queue_peer();
Peer zeromq_peer();
Peer nng_peer();
Peer iceoryx_peer();

}  // namespace ginnel::bench
