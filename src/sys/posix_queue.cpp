#include "ginnel/sys/posix_queue.hpp"

#include <fcntl.h>
#include <mqueue.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <utility>

#include "kernel_setting.hpp"
#include "posix_name.hpp"
#include "system_call.hpp"

namespace ginnel {
namespace {

constexpr std::size_t longest_name = NAME_MAX;

std::string describe(long messages, std::uint64_t message_size) {
  return std::to_string(messages) + " messages of " + std::to_string(message_size) + " bytes";
}

/// EMFILE has two causes that have nothing to do with each other; whether a descriptor is to be had tells which it was.
bool descriptors_are_used_up() {
  UniqueFd any{::open("/", O_PATH | O_CLOEXEC)};
  return !any.valid() && errno == EMFILE;
}

std::string descriptor_hint() {
  return "this process has no descriptor left: " + process_limit("RLIMIT_NOFILE", RLIMIT_NOFILE) +
         "; close some, or raise it: ulimit -n";
}

std::string create_hint(int code, const PosixQueueOptions& options) {
  switch (code) {
    case EMFILE:
      if (descriptors_are_used_up()) return descriptor_hint();
      return "this queue would count " + std::to_string(counted_bytes(options.messages, options.message_size).count()) +
             " bytes, and with this user's other queues that is over " +
             process_limit("RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE) +
             "; remove queues, make this one smaller, or raise it: ulimit -q";
    case EINVAL:
      return describe(options.messages, options.message_size.count()) + " are over " +
             kernel_setting("fs.mqueue.msg_max") + " or " + kernel_setting("fs.mqueue.msgsize_max") +
             " (with CAP_SYS_RESOURCE: over 65536 messages or 16777216 bytes); raise it with sysctl";
    case ENOSPC:
      return "this IPC namespace has all the queues that " + kernel_setting("fs.mqueue.queues_max") +
             " allows without CAP_SYS_RESOURCE; remove some or raise it with sysctl";
    case EEXIST:
      return "there is a queue of this name already; open it, or remove it first";
    case ENFILE:
      return "the whole system has no open file left: " + kernel_setting("fs.file-max");
    default:
      return {};
  }
}

std::string open_hint(int code) {
  switch (code) {
    case ENOENT:
      return "there is no queue of this name in this IPC namespace";
    case EACCES:
      return "the queue's mode does not allow this access";
    case EMFILE:
      return descriptor_hint();
    case ENFILE:
      return "the whole system has no open file left: " + kernel_setting("fs.file-max");
    default:
      return {};
  }
}

Error refused(std::string_view operation, const std::string& name, std::string_view hint, int code = EINVAL) {
  return Error{code, operation, name, hint};
}

Result<void> check_options(const std::string& name, const PosixQueueOptions& options) {
  if (options.messages < 1)
    return std::unexpected{
        refused("mq_open", name, "a queue holds at least 1 message, not " + std::to_string(options.messages))};
  if (options.message_size.count() < 1)
    return std::unexpected{refused("mq_open", name, "messages of at most 0 bytes are not possible: at least 1")};
  if (options.message_size.count() > LONG_MAX)
    return std::unexpected{refused("mq_open", name, create_hint(EINVAL, options))};
  if ((options.mode & ~static_cast<mode_t>(0777)) != 0)
    return std::unexpected{refused("mq_open", name, "the mode has more than permission bits")};
  return {};
}

/// A descriptor of a queue made just now, or invalid with errno where there is one of that name.
Result<UniqueFd> make_new(const std::string& name, const PosixQueueOptions& options) {
  mq_attr wanted{};
  wanted.mq_maxmsg = options.messages;
  wanted.mq_msgsize = static_cast<long>(options.message_size.count());
  const int flags = O_CREAT | O_EXCL | O_RDWR | O_NONBLOCK | O_CLOEXEC;
  UniqueFd queue{retry_interrupted([&] { return ::mq_open(name.c_str(), flags, options.mode, &wanted); })};
  if (!queue.valid()) {
    const int code = errno;
    return std::unexpected{refused("mq_open", name, create_hint(code, options), code)};
  }
  // The umask has only narrowed the mode so far.
  if (::fchmod(queue.get(), options.mode) < 0) {
    Error error = Error::last("fchmod", name);
    ::mq_unlink(name.c_str());
    return std::unexpected{std::move(error)};
  }
  return queue;
}

Result<UniqueFd> open_existing(const std::string& name, int access) {
  UniqueFd queue{retry_interrupted([&] { return ::mq_open(name.c_str(), access | O_NONBLOCK | O_CLOEXEC); })};
  if (queue.valid()) return queue;
  const int code = errno;
  return std::unexpected{refused("mq_open", name, open_hint(code), code)};
}

Result<mq_attr> attributes_of(int queue, const std::string& name) {
  mq_attr found{};
  if (::mq_getattr(queue, &found) < 0) return std::unexpected{Error::last("mq_getattr", name)};
  return found;
}

/// Another user could have made a queue of this name first, to read along.
Result<void> check_owner(int queue, const std::string& name) {
  struct stat status{};
  if (::fstat(queue, &status) < 0) return std::unexpected{Error::last("fstat", name)};
  if (status.st_uid == ::geteuid() || status.st_uid == 0) return {};
  return std::unexpected{refused("mq_open", name,
                                 "the existing queue belongs to uid " + std::to_string(status.st_uid) +
                                     ", who sees what goes through it; open it without creating if you trust that user",
                                 EEXIST)};
}

Result<void> check_same(const mq_attr& found, const std::string& name, const PosixQueueOptions& options) {
  const auto size = static_cast<std::uint64_t>(found.mq_msgsize);
  if (found.mq_maxmsg == options.messages && size == options.message_size.count()) return {};
  return std::unexpected{refused("mq_open", name,
                                 "the existing queue has " + describe(found.mq_maxmsg, size) + ", not " +
                                     describe(options.messages, options.message_size.count()),
                                 EEXIST)};
}

int open_flag(PosixQueue::Access access) {
  switch (access) {
    case PosixQueue::Access::receive:
      return O_RDONLY;
    case PosixQueue::Access::send:
      return O_WRONLY;
    case PosixQueue::Access::both:
      break;
  }
  return O_RDWR;
}

}  // namespace

Bytes counted_bytes(long messages, Bytes message_size) noexcept {
  const auto count = static_cast<std::uint64_t>(messages);
  const auto priorities = std::min<std::uint64_t>(count, PosixQueue::priority_max + 1);
  return Bytes{count * message_size.count() + (count + priorities) * 6 * sizeof(void*)};
}

Result<PosixQueue> PosixQueue::create(const std::string& name, PosixQueueOptions options) {
  if (auto good = check_posix_name("mq_open", name, longest_name); !good) return std::unexpected{good.error()};
  if (auto good = check_options(name, options); !good) return std::unexpected{good.error()};

  while (true) {
    auto made = make_new(name, options);
    if (made) return PosixQueue{std::move(*made), name};
    if (options.exclusive || made.error().code() != EEXIST) return std::unexpected{made.error()};

    auto existing = open_existing(name, O_RDWR);
    if (!existing && existing.error().code() == ENOENT) continue;  // unlinked between the two calls
    if (!existing) return std::unexpected{existing.error()};
    if (auto good = check_owner(existing->get(), name); !good) return std::unexpected{good.error()};
    auto found = attributes_of(existing->get(), name);
    if (!found) return std::unexpected{found.error()};
    if (auto good = check_same(*found, name, options); !good) return std::unexpected{good.error()};
    return PosixQueue{std::move(*existing), name};
  }
}

Result<PosixQueue> PosixQueue::open(const std::string& name, Access access) {
  if (auto good = check_posix_name("mq_open", name, longest_name); !good) return std::unexpected{good.error()};
  auto queue = open_existing(name, open_flag(access));
  if (!queue) return std::unexpected{queue.error()};
  return PosixQueue{std::move(*queue), name};
}

Result<void> PosixQueue::unlink(const std::string& name) {
  if (auto good = check_posix_name("mq_unlink", name, longest_name); !good) return std::unexpected{good.error()};
  if (::mq_unlink(name.c_str()) == 0) return {};
  const int code = errno;
  std::string hint;
  if (code == ENOENT) hint = open_hint(ENOENT);
  if (code == EACCES) hint = "only the queue's owner and root may remove it";
  return std::unexpected{refused("mq_unlink", name, hint, code)};
}

Result<Outcome<Done, TimedOut>> PosixQueue::send(std::span<const std::byte> message, unsigned priority,
                                                 Deadline deadline) {
  if (priority > priority_max)
    return std::unexpected{
        refused("mq_send", name_,
                "priority " + std::to_string(priority) + " is over the highest, " + std::to_string(priority_max))};
  const auto* data = message.empty() ? "" : reinterpret_cast<const char*>(message.data());
  while (true) {
    if (retry_interrupted([&] { return ::mq_send(queue_.get(), data, message.size(), priority); }) == 0) return Done{};
    if (errno != EAGAIN) return std::unexpected{transfer_error("mq_send", errno, message.size())};

    auto ready = wait_ready(queue_.get(), Interest::writable, deadline);
    if (!ready) return std::unexpected{std::move(ready.error()).with_object(name_)};
    if (ready->is<TimedOut>()) return TimedOut{};
  }
}

Result<Outcome<ReceivedFromQueue, TimedOut>> PosixQueue::receive(std::span<std::byte> buffer, Deadline deadline) {
  char none = 0;  // the call takes no null pointer, not even for an empty buffer, which it refuses
  auto* data = buffer.empty() ? &none : reinterpret_cast<char*>(buffer.data());
  while (true) {
    unsigned priority = 0;
    const ssize_t got = retry_interrupted([&] { return ::mq_receive(queue_.get(), data, buffer.size(), &priority); });
    if (got >= 0) return ReceivedFromQueue{static_cast<std::size_t>(got), priority};
    if (errno != EAGAIN) return std::unexpected{transfer_error("mq_receive", errno, buffer.size())};

    auto ready = wait_ready(queue_.get(), Interest::readable, deadline);
    if (!ready) return std::unexpected{std::move(ready.error()).with_object(name_)};
    if (ready->is<TimedOut>()) return TimedOut{};
  }
}

Result<PosixQueueAttributes> PosixQueue::attributes() const {
  auto found = attributes_of(queue_.get(), name_);
  if (!found) return std::unexpected{found.error()};
  return PosixQueueAttributes{.messages_max = found->mq_maxmsg,
                              .message_size = Bytes{static_cast<std::uint64_t>(found->mq_msgsize)},
                              .messages_queued = found->mq_curmsgs};
}

Error PosixQueue::transfer_error(std::string_view operation, int code, std::size_t size) const {
  const bool sending = operation == "mq_send";
  std::string hint;
  if (code == EBADF)
    hint = sending ? "the queue was opened for receiving only" : "the queue was opened for sending only";
  if (code == EMSGSIZE) {
    auto found = attributes_of(queue_.get(), name_);
    const std::string longest = found ? std::to_string(found->mq_msgsize) : "unknown";
    hint = sending ? "the message has " + std::to_string(size) + " bytes; this queue takes up to " + longest
                   : "the buffer has " + std::to_string(size) + " bytes; it must hold the queue's longest message, " +
                         longest;
  }
  return refused(operation, name_, hint, code);
}

}  // namespace ginnel
