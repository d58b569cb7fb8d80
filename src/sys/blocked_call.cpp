#include "ginnel/sys/blocked_call.hpp"

#include <sys/syscall.h>

#include <algorithm>
#include <charconv>

// The numbers differ between architectures, and the older calls are missing from the newer architectures.
#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 441
#endif
#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif
#ifndef SYS_futex_wait
#define SYS_futex_wait 455
#endif

namespace ginnel {
namespace {

struct Numbered {
  long number;
  BlockingCall call;
};

constexpr std::array numbered{
#ifdef SYS_open
    Numbered{SYS_open, BlockingCall::open},
#endif
#ifdef SYS_poll
    Numbered{SYS_poll, BlockingCall::poll},
#endif
#ifdef SYS_select
    Numbered{SYS_select, BlockingCall::select},
#endif
#ifdef SYS_epoll_wait
    Numbered{SYS_epoll_wait, BlockingCall::epoll_wait},
#endif
#ifdef SYS_semtimedop
    Numbered{SYS_semtimedop, BlockingCall::semop},
#endif
    Numbered{SYS_read, BlockingCall::read},
    Numbered{SYS_readv, BlockingCall::read},
    Numbered{SYS_preadv2, BlockingCall::read},
    Numbered{SYS_write, BlockingCall::write},
    Numbered{SYS_writev, BlockingCall::write},
    Numbered{SYS_pwritev2, BlockingCall::write},
    Numbered{SYS_openat, BlockingCall::openat},
    Numbered{SYS_flock, BlockingCall::flock},
    Numbered{SYS_fcntl, BlockingCall::fcntl},
    Numbered{SYS_futex, BlockingCall::futex},
    Numbered{SYS_futex_waitv, BlockingCall::futex_waitv},
    Numbered{SYS_futex_wait, BlockingCall::futex_wait},
    Numbered{SYS_msgrcv, BlockingCall::msgrcv},
    Numbered{SYS_msgsnd, BlockingCall::msgsnd},
    Numbered{SYS_semop, BlockingCall::semop},
    Numbered{SYS_mq_timedreceive, BlockingCall::mq_receive},
    Numbered{SYS_mq_timedsend, BlockingCall::mq_send},
    Numbered{SYS_recvfrom, BlockingCall::socket_receive},
    Numbered{SYS_recvmsg, BlockingCall::socket_receive},
    Numbered{SYS_sendto, BlockingCall::socket_send},
    Numbered{SYS_sendmsg, BlockingCall::socket_send},
    Numbered{SYS_accept, BlockingCall::accept},
    Numbered{SYS_accept4, BlockingCall::accept},
    Numbered{SYS_connect, BlockingCall::connect},
    Numbered{SYS_ppoll, BlockingCall::ppoll},
    Numbered{SYS_pselect6, BlockingCall::pselect},
    Numbered{SYS_epoll_pwait, BlockingCall::epoll_wait},
    Numbered{SYS_epoll_pwait2, BlockingCall::epoll_pwait2},
    Numbered{SYS_splice, BlockingCall::splice},
};

/// The next word of the text as a number, decimal or after `0x` hexadecimal.
template <class Number>
std::optional<Number> take_number(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  const int base = text.starts_with("0x") ? 16 : 10;
  if (base == 16) text.remove_prefix(2);
  Number number{};
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  if (failure != std::errc{}) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

}  // namespace

std::optional<BlockedCall> parse_blocked_call(std::string_view text) {
  const auto number = take_number<long>(text);
  if (!number) return std::nullopt;
  const auto* const known = std::ranges::find(numbered, *number, &Numbered::number);
  if (known == numbered.end()) return std::nullopt;
  BlockedCall blocked{.call = known->call, .arguments = {}};
  for (std::uint64_t& argument : blocked.arguments) {
    const auto value = take_number<std::uint64_t>(text);
    if (!value) return std::nullopt;
    argument = *value;
  }
  return blocked;
}

}  // namespace ginnel
