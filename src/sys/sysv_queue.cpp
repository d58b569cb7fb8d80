#include "ginnel/sys/sysv_queue.hpp"

#include <sys/msg.h>

#include <algorithm>
#include <cassert>
#include <climits>
#include <cstring>
#include <string>

#include "kernel_setting.hpp"
#include "system_call.hpp"
#include "sysv_object.hpp"

namespace ginnel {
namespace {

constexpr std::chrono::milliseconds longest_pause{5};
constexpr std::size_t first_room = 8192;  // MSGMAX unless somebody raised it

/// A message as msgsnd(2) and msgrcv(2) want it: the type, and the bytes right behind.
class MessageBuffer {
 public:
  explicit MessageBuffer(std::size_t room) : room_{room}, words_(1 + (room + sizeof(long) - 1) / sizeof(long)) {}
  [[nodiscard]] long& type() noexcept { return words_.front(); }
  [[nodiscard]] std::byte* bytes() noexcept { return reinterpret_cast<std::byte*>(words_.data() + 1); }
  [[nodiscard]] void* whole() noexcept { return words_.data(); }
  [[nodiscard]] std::size_t room() const noexcept { return room_; }
  [[nodiscard]] SysvMessage message(std::size_t size) {
    return SysvMessage{.type = type(), .data = std::vector<std::byte>(bytes(), bytes() + size)};
  }

 private:
  std::size_t room_;
  std::vector<long> words_;
};

std::string object_of(int id) { return sysv_object(AddressKind::sysv_queue, id); }

Error refused(std::string_view operation, const std::string& object, std::string_view hint, int code = EINVAL) {
  return Error{code, operation, object, hint};
}

std::string create_hint(int code) {
  switch (code) {
    case ENOSPC: {
      msginfo info{};
      ::msgctl(0, MSG_INFO, reinterpret_cast<msqid_ds*>(&info));
      return "this IPC namespace has " + std::to_string(info.msgpool) + " queues, and " +
             kernel_setting("kernel.msgmni") +
             " allows no more; remove some (ipcs -q shows them) or raise it with sysctl";
    }
    case EEXIST:
      return "there is a queue with this key already; open it, or remove it first";
    default:
      return {};
  }
}

/// EINVAL is what the kernel says for an id that is gone, and for much else; EIDRM only when it went while the call waited.
bool means_removed(int id, int code) {
  if (code == EIDRM) return true;
  if (code != EINVAL) return false;
  msqid_ds status{};
  return ::msgctl(id, IPC_STAT, &status) < 0 && (errno == EINVAL || errno == EIDRM);
}

/// What the queue may hold at most, or nothing where the caller may not look.
std::optional<std::uint64_t> capacity_of(int id) {
  msqid_ds status{};
  if (::msgctl(id, IPC_STAT, &status) < 0) return std::nullopt;
  return status.msg_qbytes;
}

struct KernelSelect {
  long type = 0;
  int flags = 0;
};

KernelSelect kernel_select(SysvSelect select) {
  switch (select.rule) {
    case SysvSelect::Rule::of_type:
      return {.type = select.type};
    case SysvSelect::Rule::not_of_type:
      return {.type = select.type, .flags = MSG_EXCEPT};
    case SysvSelect::Rule::lowest_up_to:
      return {.type = -select.type};
    case SysvSelect::Rule::any:
      break;
  }
  return {};
}

}  // namespace

Result<SysvQueue> SysvQueue::create(std::optional<std::int32_t> key, SysvCreateOptions options) {
  const std::string object = sysv_object(AddressKind::sysv_queue, key);
  if (auto good = check_sysv_key("msgget", object, key); !good) return std::unexpected{good.error()};
  if (auto good = check_sysv_mode("msgget", object, options.mode); !good) return std::unexpected{good.error()};

  const int flags = IPC_CREAT | IPC_EXCL | static_cast<int>(options.mode);
  while (true) {
    const int id = ::msgget(key.value_or(IPC_PRIVATE), flags);
    if (id >= 0) return SysvQueue{id};
    const int code = errno;
    if (code != EEXIST || options.exclusive) return std::unexpected{refused("msgget", object, create_hint(code), code)};

    auto existing = open({.key = key, .id = std::nullopt});
    if (!existing && existing.error().code() == ENOENT) continue;  // removed between the two calls
    if (!existing) return std::unexpected{existing.error()};
    msqid_ds status{};
    if (::msgctl(existing->id(), IPC_STAT, &status) < 0) {
      if (errno == EINVAL || errno == EIDRM) continue;
      return std::unexpected{Error::last("msgctl IPC_STAT", object)};
    }
    if (auto good = check_sysv_owner("msgget", object, status.msg_perm); !good) return std::unexpected{good.error()};
    return existing;
  }
}

Result<SysvQueue> SysvQueue::open(const SysvName& name) {
  assert(name.key.has_value() != name.id.has_value());
  if (name.id) {
    msqid_ds status{};
    if (::msgctl(*name.id, IPC_STAT, &status) == 0 || errno == EACCES) return SysvQueue{*name.id};
    const int code = errno == EINVAL || errno == EIDRM ? ENOENT : errno;
    const std::string_view hint = code == ENOENT ? "no queue in this IPC namespace has this id, or no longer" : "";
    return std::unexpected{refused("msgctl IPC_STAT", object_of(*name.id), hint, code)};
  }
  const std::string object = sysv_object(AddressKind::sysv_queue, name.key);
  if (auto good = check_sysv_key("msgget", object, name.key); !good) return std::unexpected{good.error()};
  const int id = ::msgget(*name.key, 0);
  if (id >= 0) return SysvQueue{id};
  const int code = errno;
  const std::string_view hint = code == ENOENT ? "no queue in this IPC namespace has this key" : "";
  return std::unexpected{refused("msgget", object, hint, code)};
}

Result<Outcome<Done, Removed, TimedOut>> SysvQueue::send(long type, std::span<const std::byte> message,
                                                         Deadline deadline) {
  if (type < 1)
    return std::unexpected{
        refused("msgsnd", object_of(id_), "the type of a message is at least 1, not " + std::to_string(type))};
  MessageBuffer buffer{message.size()};
  buffer.type() = type;
  std::ranges::copy(message, buffer.bytes());

  int flags = IPC_NOWAIT;
  Backoff backoff{longest_pause};
  while (true) {
    if (retry_interrupted([&] { return ::msgsnd(id_, buffer.whole(), message.size(), flags); }) == 0) return Done{};
    const int code = errno;
    if (means_removed(id_, code)) return Removed{};
    if (code != EAGAIN) return std::unexpected{send_error(code, message.size())};
    if (const auto capacity = capacity_of(id_); capacity && message.size() > *capacity)
      return std::unexpected{refused("msgsnd", object_of(id_),
                                     "the message has " + std::to_string(message.size()) +
                                         " bytes; the whole queue holds " + std::to_string(*capacity) + " (msg_qbytes)",
                                     EMSGSIZE)};
    if (deadline.passed()) return TimedOut{};
    if (deadline.is_never()) {
      flags = 0;
    } else {
      backoff.pause(deadline);
    }
  }
}

Result<Outcome<SysvMessage, Removed, TimedOut>> SysvQueue::receive(SysvSelect select, Deadline deadline) {
  if (select.rule != SysvSelect::Rule::any && select.type < 1)
    return std::unexpected{
        refused("msgrcv", object_of(id_), "the type to select by is at least 1, not " + std::to_string(select.type))};
  const auto [type, rule_flag] = kernel_select(select);
  const int flags = rule_flag | (deadline.is_never() ? 0 : IPC_NOWAIT);
  MessageBuffer buffer{first_room};
  Backoff backoff{longest_pause};
  while (true) {
    const ssize_t got = retry_interrupted([&] { return ::msgrcv(id_, buffer.whole(), buffer.room(), type, flags); });
    if (got >= 0) return buffer.message(static_cast<std::size_t>(got));
    const int code = errno;
    if (code == E2BIG) {  // the message stays in the queue
      buffer = MessageBuffer{buffer.room() * 2};
      continue;
    }
    if (means_removed(id_, code)) return Removed{};
    if (code != ENOMSG) return std::unexpected{receive_error(code)};
    if (deadline.passed()) return TimedOut{};
    backoff.pause(deadline);
  }
}

Result<Outcome<SysvMessage, Removed, TimedOut>> SysvQueue::peek(std::size_t position) const {
  if (position > LONG_MAX) return TimedOut{};
  const auto index = static_cast<long>(position);
  MessageBuffer buffer{first_room};
  while (true) {
    const ssize_t got =
        retry_interrupted([&] { return ::msgrcv(id_, buffer.whole(), buffer.room(), index, MSG_COPY | IPC_NOWAIT); });
    if (got >= 0) return buffer.message(static_cast<std::size_t>(got));
    const int code = errno;
    if (code == E2BIG) {
      buffer = MessageBuffer{buffer.room() * 2};
      continue;
    }
    if (code == ENOMSG) return TimedOut{};
    if (means_removed(id_, code)) return Removed{};
    return std::unexpected{receive_error(code)};
  }
}

Result<SysvQueueStatistics> SysvQueue::statistics() const {
  msqid_ds status{};
  if (::msgctl(id_, IPC_STAT, &status) < 0) return std::unexpected{Error::last("msgctl IPC_STAT", object_of(id_))};
  return SysvQueueStatistics{.messages = status.msg_qnum,
                             .used = Bytes{status.__msg_cbytes},
                             .capacity = Bytes{status.msg_qbytes},
                             .last_sender = status.msg_lspid,
                             .last_receiver = status.msg_lrpid,
                             .last_send_time = status.msg_stime,
                             .last_receive_time = status.msg_rtime,
                             .change_time = status.msg_ctime,
                             .owner = status.msg_perm.uid,
                             .group = status.msg_perm.gid,
                             .mode = static_cast<mode_t>(status.msg_perm.mode & 0777)};
}

Result<void> SysvQueue::remove() {
  if (::msgctl(id_, IPC_RMID, nullptr) == 0) return {};
  const int code = errno;
  std::string_view hint;
  if (code == EPERM) hint = "only the queue's owner, its creator and root may remove it";
  if (code == EINVAL || code == EIDRM) hint = "the queue is gone already";
  return std::unexpected{refused("msgctl IPC_RMID", object_of(id_), hint, code)};
}

Error SysvQueue::send_error(int code, std::size_t size) const {
  std::string hint;
  if (code == EINVAL)
    hint = "the message has " + std::to_string(size) + " bytes, over " + kernel_setting("kernel.msgmax") +
           "; raise it with sysctl";
  if (code == EACCES) hint = "the queue's mode does not allow sending";
  return refused("msgsnd", object_of(id_), hint, code);
}

Error SysvQueue::receive_error(int code) const {
  std::string hint;
  if (code == EINVAL) hint = "the message is longer than " + kernel_setting("kernel.msgmax") + ": receive it to see it";
  if (code == EACCES) hint = "the queue's mode does not allow receiving";
  if (code == ENOSYS) hint = "MSG_COPY needs a kernel with CONFIG_CHECKPOINT_RESTORE";
  return refused("msgrcv", object_of(id_), hint, code);
}

}  // namespace ginnel
