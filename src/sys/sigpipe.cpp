#include "sigpipe.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>

#include "ginnel/core/unique_fd.hpp"
#include "system_call.hpp"

namespace ginnel {

SigpipeHeldBack::SigpipeHeldBack() noexcept {
  ::sigemptyset(&sigpipe_);
  ::sigaddset(&sigpipe_, SIGPIPE);
  sigset_t pending{};
  ::sigpending(&pending);
  was_pending_ = ::sigismember(&pending, SIGPIPE) == 1;
  if (!was_pending_) ::pthread_sigmask(SIG_BLOCK, &sigpipe_, &previous_);
}

SigpipeHeldBack::~SigpipeHeldBack() {
  if (was_pending_) return;  // blocked already by the caller: one more changes nothing
  const int saved = errno;
  if (raised_) {
    const timespec no_wait{};
    (void)retry_interrupted([&] { return ::sigtimedwait(&sigpipe_, nullptr, &no_wait); });
  }
  ::pthread_sigmask(SIG_SETMASK, &previous_, nullptr);
  errno = saved;
}

bool knows_rwf_nosignal() noexcept {
  enum Answer { unknown, yes, no };
  static std::atomic<Answer> remembered{unknown};
  if (const Answer answer = remembered.load(std::memory_order_relaxed); answer != unknown) return answer == yes;

  const int saved = errno;
  std::array<int, 2> fds{};
  bool known = false;
  // Without a descriptor to spare the question stays open for the next write.
  if (::pipe2(fds.data(), O_CLOEXEC | O_NONBLOCK) == 0) {
    const UniqueFd read_end{fds[0]};
    const UniqueFd write_end{fds[1]};
    char byte = 0;
    const iovec data{.iov_base = &byte, .iov_len = 1};
    known = retry_interrupted([&] { return ::pwritev2(write_end.get(), &data, 1, -1, rwf_nosignal); }) == 1;
    remembered.store(known ? yes : no, std::memory_order_relaxed);
  }
  errno = saved;
  return known;
}

}  // namespace ginnel
