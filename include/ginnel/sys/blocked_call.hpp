#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace ginnel {

/// A system call in which a thread can wait for another process.
enum class BlockingCall {
  read,
  write,
  open,
  openat,
  flock,
  fcntl,
  futex,
  futex_waitv,
  futex_wait,
  msgrcv,
  msgsnd,
  semop,
  mq_receive,
  mq_send,
  socket_receive,
  socket_send,
  accept,
  connect,
  poll,
  ppoll,
  select,
  pselect,
  epoll_wait,
  epoll_pwait2,
  splice,
};

/// The call in which a thread sleeps, with its arguments as the program gave them.
struct BlockedCall {
  BlockingCall call = BlockingCall::read;
  std::array<std::uint64_t, 6> arguments{};
};

/// Reads /proc/PID/task/TID/syscall. Nullopt when the thread runs, sleeps outside of a call, or in a call that is none of the above
/// (sleep, wait, …). Reading the file needs what ptrace(2) asks for. Source: proc(5).
[[nodiscard]] std::optional<BlockedCall> parse_blocked_call(std::string_view text);

}  // namespace ginnel
