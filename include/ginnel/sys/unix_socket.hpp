#pragma once

#include <sys/types.h>

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <utility>
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
/// Of a listening socket: who called listen. Errors: ENOTSOCK, ENOTCONN. Source: unix(7), SO_PEERCRED.
[[nodiscard]] Result<Credentials> peer_credentials(int socket);
/// Supplementary groups of the peer at connect. Errors: as peer_credentials. Source: SO_PEERGROUPS, Linux 4.13.
[[nodiscard]] Result<std::vector<gid_t>> peer_groups(int socket);
/// The process that made the peer's end. By SO_PEERPIDFD (Linux 6.5) it cannot be mistaken for a later one. Before that,
/// by pidfd_open of SO_PEERCRED's pid, and only if that process belongs to the user who connected: a reused pid of the
/// same user goes unnoticed there. Errors: ESRCH (it has ended, or cannot be seen from here), ENOTCONN. Source: unix(7).
[[nodiscard]] Result<Process> peer_process(int socket);

/// Whether the peer of a connected socket has closed it, or ended its own sending, or died with all copies of it. Async-signal-safe.
/// Source: poll(2), POLLHUP and POLLRDHUP.
[[nodiscard]] bool peer_has_closed(int socket) noexcept;
/// Ends the connection for whoever has a copy of the socket, which stays open: both sides see the end. Source: shutdown(2).
void end_connection(int socket) noexcept;

/// One whole message.
struct ReceivedMessage {
  std::size_t bytes = 0;  ///< 0 is an empty message, which is not the end
};

/// A connected byte stream. Move-only; one thread may read while another writes.
class [[nodiscard]] UnixStream {
 public:
  /// Errors: ECONNREFUSED (nobody listens: a stale path), ENOENT, EACCES, EPROTOTYPE (a socket of another type),
  /// ENAMETOOLONG, EINVAL (an empty name, or a zero byte in it). TimedOut when the server's backlog stays full.
  /// Source: connect(2), unix(7).
  [[nodiscard]] static Result<Outcome<UnixStream, TimedOut>> connect(const UnixAddress& address,
                                                                     Deadline deadline = Deadline::never());
  [[nodiscard]] static Result<std::pair<UnixStream, UnixStream>> pair();
  /// Errors: EPROTOTYPE (not a Unix stream socket), ENOTSOCK, EBADF.
  [[nodiscard]] static Result<UnixStream> adopt(UniqueFd socket);

  /// Reads what is there, at least one byte; descriptors that were passed along are dropped (see ancillary.hpp).
  /// Errors: ECONNRESET (the peer closed, or died, with unread data of ours; told once, after the last of its own data and
  /// before EndOfStream). Source: recv(2), unix(7).
  [[nodiscard]] Result<Outcome<BytesRead, EndOfStream, TimedOut>> read(std::span<std::byte> buffer,
                                                                       Deadline deadline = Deadline::never());
  /// Writes all of it unless the peer goes or the deadline passes first. Raises no SIGPIPE. Source: send(2).
  [[nodiscard]] Result<Transfer> write_all(std::span<const std::byte> data, Deadline deadline = Deadline::never());
  /// No more will be written: the peer reads the end of the stream, and may still answer.
  [[nodiscard]] Result<void> finish_writing();
  [[nodiscard]] int pollable() const noexcept { return socket_.get(); }
  [[nodiscard]] UniqueFd release() && noexcept { return std::move(socket_); }

 private:
  explicit UnixStream(UniqueFd socket) noexcept : socket_{std::move(socket)} {}
  UniqueFd socket_;
};

/// A connection that keeps message boundaries and order (SOCK_SEQPACKET). Move-only; one thread may receive while
/// another sends.
/// To recv(2) an empty message and the end look alike. Here the socket has SO_TIMESTAMP set, which stamps every message,
/// the empty ones too, but not the end; a process that shares this end and uses recvmsg(2) sees the stamps.
class [[nodiscard]] UnixSeqpacket {
 public:
  [[nodiscard]] static Result<Outcome<UnixSeqpacket, TimedOut>> connect(const UnixAddress& address,
                                                                        Deadline deadline = Deadline::never());
  [[nodiscard]] static Result<std::pair<UnixSeqpacket, UnixSeqpacket>> pair();
  /// Errors: EPROTOTYPE (not a Unix seqpacket socket), ENOTSOCK, EBADF.
  [[nodiscard]] static Result<UnixSeqpacket> adopt(UniqueFd socket);

  /// Sends one message, possibly empty. Errors: EMSGSIZE (larger than the send buffer, SO_SNDBUF; tells both sizes).
  [[nodiscard]] Result<Outcome<Done, PeerGone, TimedOut>> send(std::span<const std::byte> message,
                                                               Deadline deadline = Deadline::never());
  /// Receives one whole message, which may be empty; descriptors that were passed along are dropped (see ancillary.hpp).
  /// Errors: EMSGSIZE (longer than the buffer: tells both sizes, the message is gone), ECONNRESET (the peer closed, or
  /// died, with unread messages of ours; told once, after its own last message and before EndOfStream).
  [[nodiscard]] Result<Outcome<ReceivedMessage, EndOfStream, TimedOut>> receive(std::span<std::byte> buffer,
                                                                                Deadline deadline = Deadline::never());
  [[nodiscard]] int pollable() const noexcept { return socket_.get(); }
  [[nodiscard]] UniqueFd release() && noexcept { return std::move(socket_); }

 private:
  explicit UnixSeqpacket(UniqueFd socket) noexcept : socket_{std::move(socket)} {}
  UniqueFd socket_;
  bool reset_seen_ = false;
};

struct ListenOptions {
  mode_t mode = 0600;  ///< of the path: exactly this once anybody can connect, never wider, whatever the umask
  std::optional<uid_t> owner{};  ///< of the path; needs CAP_CHOWN when not the caller
  std::optional<gid_t> group{};
  int backlog = 128;
  /// Empty lists admit everybody who can reach the path. Otherwise a peer is let in when its uid is in `allow_uids` or its
  /// gid (effective or supplementary) is in `allow_gids`; others are closed at accept and told as Refused.
  std::vector<uid_t> allow_uids{};
  std::vector<gid_t> allow_gids{};
};

/// A peer that the allow-lists do not admit; its connection has been closed.
struct Refused {
  Credentials peer;
};

/// The path that a socket of this process is bound to. Removed at destruction, but only in the process that bound it and
/// only while it still is that socket: a forked copy, or a name that somebody else has put there since, is left alone.
class [[nodiscard]] BoundPath {
 public:
  BoundPath() noexcept = default;
  /// For those who bind: `directory` is where `file` is, and `file` is the socket with this device and inode.
  BoundPath(UniqueFd directory, std::string file, dev_t device, ino_t inode) noexcept;
  BoundPath(BoundPath&& other) noexcept;
  BoundPath& operator=(BoundPath&& other) noexcept;
  ~BoundPath() { remove(); }
  void remove() noexcept;

 private:
  UniqueFd directory_;
  std::string file_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
  pid_t binder_ = 0;
};

/// A datagram socket, bound (any number of senders) or connected (to one receiver). Move-only.
class [[nodiscard]] UnixDatagram {
 public:
  /// Binds as UnixListener::listen does (stale paths replaced under the lock, mode, owner, removed at close).
  /// Errors: as there; EOPNOTSUPP (allow-lists: a datagram's sender is not known before it is received).
  [[nodiscard]] static Result<UnixDatagram> bind(const UnixAddress& address, const ListenOptions& options = {});
  /// A socket with no name, connected to `address`. Errors: ECONNREFUSED, ENOENT, EACCES, EPROTOTYPE,
  /// EPERM (the receiver is connected to somebody else).
  [[nodiscard]] static Result<UnixDatagram> connect(const UnixAddress& address);
  [[nodiscard]] static Result<std::pair<UnixDatagram, UnixDatagram>> pair();
  /// Takes a datagram socket made elsewhere, such as one of inherited_sockets(). Its path is left alone at the end.
  /// Errors: EPROTOTYPE (not a Unix datagram socket), ENOTSOCK, EBADF.
  [[nodiscard]] static Result<UnixDatagram> adopt(UniqueFd socket);

  UnixDatagram(UnixDatagram&&) noexcept = default;
  UnixDatagram& operator=(UnixDatagram&& other) noexcept;
  ~UnixDatagram() = default;

  /// Sends one message, possibly empty; waits while the receiver's queue is full (net.unix.max_dgram_qlen messages).
  /// Errors: EMSGSIZE (tells both sizes), ENOTCONN (bound only). PeerGone: the receiver has closed.
  [[nodiscard]] Result<Outcome<Done, PeerGone, TimedOut>> send(std::span<const std::byte> message,
                                                               Deadline deadline = Deadline::never());
  /// Errors: EMSGSIZE as for seqpacket. A datagram socket sees no end of stream.
  [[nodiscard]] Result<Outcome<ReceivedMessage, TimedOut>> receive(std::span<std::byte> buffer,
                                                                   Deadline deadline = Deadline::never());
  [[nodiscard]] int pollable() const noexcept { return socket_.get(); }

 private:
  UnixDatagram(UniqueFd socket, BoundPath path, bool connected) noexcept
      : connected_{connected}, socket_{std::move(socket)}, path_{std::move(path)} {}
  bool connected_ = false;
  UniqueFd socket_;
  BoundPath path_;  // after the socket: a path is removed while its socket lives, so that nobody takes it for stale
};

/// A listening socket. Move-only; several threads or forked processes may accept on one.
/// A path that a live server holds, ours or anybody's, is never touched, and neither is a file that is no socket. A stale
/// path (no process has a socket bound to it) is replaced, under a flock(2) on its directory, which leaves nothing behind;
/// only a program that unlinks paths without that lock can spoil it. The path is removed when the listener is closed in the process
/// that bound it, and only if it still is this socket. See docs/decisions/0003-stale-socket-paths.md.
class [[nodiscard]] UnixListener {
 public:
  /// Errors: EADDRINUSE (a live server has it: the error names it where it can; or a file that is no socket stands there;
  /// or it cannot be told, and the hint says why), EACCES, ENOENT (no such directory), ENAMETOOLONG (a file name over 255
  /// bytes, an abstract one over 107), EINVAL (no name, or a zero byte in it), EPERM (owner), EOPNOTSUPP (datagram).
  /// Source: bind(2), listen(2), unix(7).
  [[nodiscard]] static Result<UnixListener> listen(UnixType type, const UnixAddress& address,
                                                   ListenOptions options = {});
  /// Takes a listening socket made elsewhere, such as one of inherited_sockets(), with the allow-lists of `options`. Its
  /// path is left alone at the end. Where it blocks (O_NONBLOCK is not set) and another process that shares it takes the
  /// connection first, accept() can outlast its deadline. Errors: EPROTOTYPE, EINVAL (does not listen), ENOTSOCK, EBADF.
  [[nodiscard]] static Result<UnixListener> adopt(UniqueFd socket, ListenOptions options = {});

  UnixListener(UnixListener&&) noexcept = default;
  UnixListener& operator=(UnixListener&& other) noexcept;
  ~UnixListener() = default;

  /// The next connection, close-on-exec; the type is that of the listener (adopt it as UnixStream or UnixSeqpacket).
  /// A connection that was aborted before it could be accepted is skipped.
  /// Errors: EMFILE, ENFILE (the connection stays in the backlog). Source: accept(2).
  [[nodiscard]] Result<Outcome<UniqueFd, Refused, TimedOut>> accept(Deadline deadline = Deadline::never());
  [[nodiscard]] UnixType type() const noexcept { return type_; }
  [[nodiscard]] int pollable() const noexcept { return socket_.get(); }

 private:
  UnixListener(UnixType type, UniqueFd socket, BoundPath path, ListenOptions options) noexcept
      : type_{type}, options_{std::move(options)}, socket_{std::move(socket)}, path_{std::move(path)} {}
  UnixType type_ = UnixType::stream;
  ListenOptions options_;
  UniqueFd socket_;
  BoundPath path_;  // after the socket: a path is removed while its socket lives, so that nobody takes it for stale
};

/// A socket that the service manager opened for this process.
struct InheritedSocket {
  UniqueFd socket;   ///< close-on-exec from now on
  std::string name;  ///< of LISTEN_FDNAMES; empty when it names none
};
/// Descriptors 3 … of LISTEN_FDS, when LISTEN_PID is this process; empty otherwise. Call once: they are owned from then
/// on, and the three variables are unset so that children do not take them for theirs. On an error nothing is owned and
/// the variables stay. Changes the environment, so no other thread may use it meanwhile: see setenv(3).
/// Errors: EINVAL (LISTEN_FDS or LISTEN_PID is no number), EBADF (one of the descriptors is not open).
/// Source: sd_listen_fds(3).
[[nodiscard]] Result<std::vector<InheritedSocket>> inherited_sockets();

}  // namespace ginnel
