#include "ginnel/sys/signal.hpp"

#include <fcntl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cassert>
#include <cerrno>
#include <charconv>

#include "ginnel/sys/io.hpp"
#include "system_call.hpp"

namespace ginnel {
namespace {

std::string name_of(const Process& process) { return "pid " + std::to_string(process.pid()); }

std::string send_hint(int code, int signal_number) {
  if (code == EPERM) return "the process belongs to another user, and that needs CAP_KILL";
  if (code == EINVAL) return "there is no " + signal_name(signal_number);
  return {};
}

Result<sigset_t> set_of(std::span<const int> signals) {
  sigset_t set{};
  ::sigemptyset(&set);
  for (const int number : signals) {
    if (number == SIGKILL || number == SIGSTOP)
      return std::unexpected{Error{EINVAL, "signalfd", signal_name(number), "it can be neither blocked nor received"}};
    if (::sigaddset(&set, number) < 0)
      return std::unexpected{Error{EINVAL, "signalfd", signal_name(number), "there is no such signal to receive"}};
  }
  return set;
}

}  // namespace

Result<Outcome<Done, PeerGone, QueueFull>> send_signal(const Process& process, int signal_number, int value) {
  if (!process.alive()) return PeerGone{};  // the kernel takes signals to the dead until they are collected

  siginfo_t info{};
  info.si_signo = signal_number;
  info.si_code = SI_QUEUE;
  info.si_pid = ::getpid();
  info.si_uid = ::getuid();
  info.si_value.sival_int = value;
  if (::syscall(SYS_pidfd_send_signal, process.pollable(), signal_number, &info, 0) == 0) return Done{};
  if (errno == ESRCH) return PeerGone{};
  if (errno == EAGAIN) return QueueFull{};
  Error error = Error::last("pidfd_send_signal", name_of(process));
  const std::string hint = send_hint(error.code(), signal_number);
  return std::unexpected{std::move(error).with_hint(hint)};
}

Result<SignalReceiver> SignalReceiver::create(std::span<const int> signals) {
  auto wanted = set_of(signals);
  if (!wanted) return std::unexpected{wanted.error()};
  UniqueFd fd{::signalfd(-1, &*wanted, SFD_NONBLOCK | SFD_CLOEXEC)};
  if (!fd.valid()) return std::unexpected{Error::last("signalfd")};

  sigset_t previous{};
  if (const int code = ::pthread_sigmask(SIG_BLOCK, &*wanted, &previous); code != 0)
    return std::unexpected{Error{code, "pthread_sigmask"}};
  sigset_t newly_blocked{};
  ::sigemptyset(&newly_blocked);
  for (const int number : signals)
    if (::sigismember(&previous, number) == 0) ::sigaddset(&newly_blocked, number);
  return SignalReceiver{std::move(fd), newly_blocked, ::pthread_self()};
}

SignalReceiver::SignalReceiver(SignalReceiver&& other) noexcept
    : fd_{std::move(other.fd_)}, newly_blocked_{other.newly_blocked_}, thread_{other.thread_} {}

SignalReceiver::~SignalReceiver() {
  if (!fd_.valid()) return;  // moved from
  assert(::pthread_equal(thread_, ::pthread_self()) != 0 &&
         "the mask to restore is that of the thread that created it");
  ::pthread_sigmask(SIG_UNBLOCK, &newly_blocked_, nullptr);
}

Result<Outcome<ReceivedSignal, TimedOut>> SignalReceiver::receive(Deadline deadline) {
  while (true) {
    signalfd_siginfo info{};
    const ssize_t got = retry_interrupted([&] { return ::read(fd_.get(), &info, sizeof info); });
    if (got == static_cast<ssize_t>(sizeof info))
      return ReceivedSignal{.number = static_cast<int>(info.ssi_signo),
                            .value = info.ssi_int,
                            .claimed_pid = static_cast<pid_t>(info.ssi_pid),
                            .claimed_uid = info.ssi_uid,
                            .code = info.ssi_code};
    if (errno != EAGAIN) return std::unexpected{Error::last("read", "signalfd")};
    auto ready = wait_ready(fd_.get(), Interest::readable, deadline);
    if (!ready) return std::unexpected{ready.error()};
    if (ready->is<TimedOut>()) return TimedOut{};
  }
}

Result<SignalQueueUse> signal_queue_use() {
  constexpr const char* path = "/proc/self/status";
  UniqueFd file{retry_interrupted([] { return ::open(path, O_RDONLY | O_CLOEXEC); })};
  if (!file.valid()) return std::unexpected{Error::last("open", path)};
  std::array<char, 8192> buffer{};
  const ssize_t length = retry_interrupted([&] { return ::read(file.get(), buffer.data(), buffer.size()); });
  if (length < 0) return std::unexpected{Error::last("read", path)};

  const std::string_view text{buffer.data(), static_cast<std::size_t>(length)};
  constexpr std::string_view label = "\nSigQ:\t";
  SignalQueueUse use;
  const auto at = text.find(label);
  if (at != std::string_view::npos) {
    const char* end = text.data() + text.size();
    const auto queued = std::from_chars(text.data() + at + label.size(), end, use.queued);
    if (queued.ec == std::errc{} && queued.ptr != end && *queued.ptr == '/' &&
        std::from_chars(queued.ptr + 1, end, use.limit).ec == std::errc{})
      return use;
  }
  return std::unexpected{Error{EPROTO, "read", path, "its field SigQ is not of the form of proc(5)"}};
}

}  // namespace ginnel
