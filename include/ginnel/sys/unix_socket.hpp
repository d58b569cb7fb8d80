#pragma once

#include <sys/types.h>

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ginnel/core/deadline.hpp"
#include "ginnel/core/outcome.hpp"
#include "ginnel/core/process_id.hpp"
#include "ginnel/core/result.hpp"
#include "ginnel/core/unique_fd.hpp"
#include "ginnel/sys/io.hpp"

namespace ginnel {

enum class UnixType { stream, seqpacket, datagram };

/// Where a Unix socket is bound: a path of any length up to PATH_MAX (those over 107 bytes go through a descriptor of
/// their directory), or `@name` in the abstract namespace, which has no owner and no mode: any process of the network
/// namespace may connect, or take the name first. Source: unix(7).
struct UnixAddress {
  std::string name;
  [[nodiscard]] bool is_abstract() const noexcept { return name.starts_with('@'); }
};

/// Who the peer was when it connected (or made the pair). The pid may have been reused since: use peer_process().
struct Credentials {
  pid_t pid = 0;
  uid_t uid = 0;
  gid_t gid = 0;
};
/// Errors: ENOPROTOOPT, ENOTCONN. Source: unix(7), SO_PEERCRED.
[[nodiscard]] Result<Credentials> peer_credentials(int socket);
/// Supplementary groups of the peer at connect. Source: SO_PEERGROUPS.
[[nodiscard]] Result<std::vector<gid_t>> peer_groups(int socket);
/// The peer as a process that cannot be mistaken for a later one: by SO_PEERPIDFD (Linux 6.5), before that by
/// pidfd_open of SO_PEERCRED's pid, which is checked to be older than the connection as far as that can be known.
/// Errors: ESRCH (it has ended). Source: unix(7).
[[nodiscard]] Result<Process> peer_process(int socket);

/// The message was not what it was sent as, and cannot be: see `receive`.
struct ReceivedMessage {
  std::size_t bytes = 0;  ///< 0 is an empty message, which is not the end
};

/// A connected byte stream. Move-only; one thread may read while another writes.
class [[nodiscard]] UnixStream {
 public:
  /// Errors: ECONNREFUSED (nobody listens: a stale path), ENOENT, EACCES, EPROTOTYPE (a socket of another type),
  /// ENAMETOOLONG. TimedOut when the server's backlog stays full. Source: connect(2), unix(7).
  [[nodiscard]] static Result<Outcome<UnixStream, TimedOut>> connect(const UnixAddress& address,
                                                                     Deadline deadline = Deadline::never());
  [[nodiscard]] static Result<std::pair<UnixStream, UnixStream>> pair();
  /// Errors: EPROTOTYPE (not a Unix stream socket).
  [[nodiscard]] static Result<UnixStream> adopt(UniqueFd socket);

  [[nodiscard]] Result<Outcome<BytesRead, EndOfStream, TimedOut>> read(std::span<std::byte> buffer,
                                                                       Deadline deadline = Deadline::never());
  [[nodiscard]] Result<Transfer> write_all(std::span<const std::byte> data, Deadline deadline = Deadline::never());
  /// No more will be written: the peer reads the end of the stream, and may still answer.
  [[nodiscard]] Result<void> finish_writing();
  [[nodiscard]] int pollable() const noexcept { return socket_.get(); }
  [[nodiscard]] UniqueFd release() && noexcept { return std::move(socket_); }

 private:
  explicit UnixStream(UniqueFd socket) noexcept : socket_{std::move(socket)} {}
  UniqueFd socket_;
};

/// A connection that keeps message boundaries and order (SOCK_SEQPACKET).
class [[nodiscard]] UnixSeqpacket {
 public:
  [[nodiscard]] static Result<Outcome<UnixSeqpacket, TimedOut>> connect(const UnixAddress& address,
                                                                        Deadline deadline = Deadline::never());
  [[nodiscard]] static Result<std::pair<UnixSeqpacket, UnixSeqpacket>> pair();
  [[nodiscard]] static Result<UnixSeqpacket> adopt(UniqueFd socket);

  /// Sends one message, possibly empty. Errors: EMSGSIZE (larger than the send buffer, SO_SNDBUF; tells both sizes).
  [[nodiscard]] Result<Outcome<Done, PeerGone, TimedOut>> send(std::span<const std::byte> message,
                                                               Deadline deadline = Deadline::never());
  /// Receives one whole message. An empty message and the end look alike to recv(2); here they are told apart.
  /// Errors: EMSGSIZE (longer than the buffer: tells both sizes, the message is gone), ECONNRESET.
  [[nodiscard]] Result<Outcome<ReceivedMessage, EndOfStream, TimedOut>> receive(
      std::span<std::byte> buffer, Deadline deadline = Deadline::never());
  [[nodiscard]] int pollable() const noexcept { return socket_.get(); }
  [[nodiscard]] UniqueFd release() && noexcept { return std::move(socket_); }

 private:
  explicit UnixSeqpacket(UniqueFd socket) noexcept : socket_{std::move(socket)} {}
  UniqueFd socket_;
};

struct ListenOptions {
  mode_t mode = 0600;          ///< of the path, exactly and from its first moment on
  std::optional<uid_t> owner;  ///< of the path; needs CAP_CHOWN when not the caller
  std::optional<gid_t> group;
  int backlog = 128;
  /// Empty lists admit everybody who can reach the path. Otherwise a peer is let in when its uid is in `allow_uids` or its
  /// gid (effective or supplementary) is in `allow_gids`; others are closed at accept and told as Refused.
  std::vector<uid_t> allow_uids;
  std::vector<gid_t> allow_gids;
};

/// A peer that the allow-lists do not admit; its connection has been closed.
struct Refused {
  Credentials peer;
};

/// A bound datagram socket: unconnected, any number of peers.
class [[nodiscard]] UnixDatagram {
 public:
  /// Binds as UnixListener::listen does (stale paths replaced under the lock, mode, owner, removed at close).
  [[nodiscard]] static Result<UnixDatagram> bind(const UnixAddress& address, ListenOptions options = {});
  /// A socket with no name, connected to `address`. Errors: ECONNREFUSED, ENOENT, EACCES, EPROTOTYPE.
  [[nodiscard]] static Result<UnixDatagram> connect(const UnixAddress& address);
  [[nodiscard]] static Result<std::pair<UnixDatagram, UnixDatagram>> pair();

  UnixDatagram(UnixDatagram&&) noexcept;
  UnixDatagram& operator=(UnixDatagram&&) noexcept;
  ~UnixDatagram();

  /// Errors: EMSGSIZE (tells both sizes), ENOTCONN (bound only). PeerGone: the receiver has closed.
  [[nodiscard]] Result<Outcome<Done, PeerGone, TimedOut>> send(std::span<const std::byte> message,
                                                               Deadline deadline = Deadline::never());
  /// Errors: EMSGSIZE as for seqpacket. A datagram socket sees no end of stream.
  [[nodiscard]] Result<Outcome<ReceivedMessage, TimedOut>> receive(std::span<std::byte> buffer,
                                                                   Deadline deadline = Deadline::never());
  [[nodiscard]] int pollable() const noexcept { return socket_.get(); }

 private:
  UnixDatagram(UniqueFd socket, std::string bound_path, UniqueFd path_lock) noexcept;
  void remove_path() noexcept;
  UniqueFd socket_;
  std::string bound_path_;
  UniqueFd path_lock_;
  pid_t binder_ = 0;
};

/// A listening socket.
/// The path is guarded by a lock file beside it (`PATH.lock`, flock): whoever holds that lock may replace a stale path; a
/// path that a live server holds, ours or anybody's, is never touched. The path is removed when the listener is closed in
/// the process that bound it, and only if it still is this socket; the lock file stays (a lock file is never unlinked).
class [[nodiscard]] UnixListener {
 public:
  /// Errors: EADDRINUSE (a live server has it: the error says so and names it where it can; or a file that is no socket
  /// stands there), EACCES, ENOENT (no such directory), ENAMETOOLONG, EPERM (owner). Source: bind(2), listen(2), unix(7).
  [[nodiscard]] static Result<UnixListener> listen(UnixType type, const UnixAddress& address,
                                                   ListenOptions options = {});
  /// Takes a listening socket made elsewhere, such as one of inherited_sockets(). Its path is left alone at the end.
  [[nodiscard]] static Result<UnixListener> adopt(UniqueFd socket, ListenOptions options = {});

  UnixListener(UnixListener&&) noexcept;
  UnixListener& operator=(UnixListener&&) noexcept;
  ~UnixListener();

  /// The next connection, close-on-exec; the type is that of the listener (adopt it as UnixStream or UnixSeqpacket).
  /// A connection that was aborted before it could be accepted is skipped.
  /// Errors: EMFILE, ENFILE (the connection stays in the backlog).
  [[nodiscard]] Result<Outcome<UniqueFd, Refused, TimedOut>> accept(Deadline deadline = Deadline::never());
  [[nodiscard]] UnixType type() const noexcept { return type_; }
  [[nodiscard]] int pollable() const noexcept { return socket_.get(); }

 private:
  UnixListener(UnixType type, UniqueFd socket, std::string bound_path, UniqueFd path_lock,
               ListenOptions options) noexcept;
  void remove_path() noexcept;
  UnixType type_ = UnixType::stream;
  UniqueFd socket_;
  std::string bound_path_;
  UniqueFd path_lock_;
  ListenOptions options_;
  pid_t binder_ = 0;
};

/// A socket that the service manager opened for this process.
struct InheritedSocket {
  UniqueFd socket;   ///< close-on-exec from now on
  std::string name;  ///< of LISTEN_FDNAMES; empty when it names none
};
/// Descriptors 3 … of LISTEN_FDS, when LISTEN_PID is this process; empty otherwise. Call once: they are owned from then
/// on, and the three variables are unset so that children do not take them for theirs.
/// Errors: EINVAL (LISTEN_FDS is no number), EBADF (a descriptor of them is not open). Source: sd_listen_fds(3).
[[nodiscard]] Result<std::vector<InheritedSocket>> inherited_sockets();

}  // namespace ginnel
