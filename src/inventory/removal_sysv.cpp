#include <cerrno>

#include "ginnel/sys/sysv_queue.hpp"
#include "ginnel/sys/sysv_semaphore.hpp"
#include "ginnel/sys/sysv_shm.hpp"
#include "queue_sleepers.hpp"
#include "removal.hpp"
#include "words.hpp"

namespace ginnel::inventory {
namespace {

bool is_gone(const Error& error) noexcept {
  return error.code() == ENOENT || error.code() == EINVAL || error.code() == EIDRM;
}

bool is_as_seen(const Object& seen, std::string_view key, std::int64_t now) {
  const Detail* detail = seen.detail(key);
  return detail != nullptr && to_number<std::int64_t>(detail->value) == now;
}

// Whether it is still as the snapshot has it, by all that the kernel counts of its use; if not, what happened.

std::string use_since(const Object& seen, const SysvShmStatistics& now) {
  if (now.attached > 0) return std::to_string(now.attached) + " attached now";
  const bool same = is_as_seen(seen, "atime", now.attach_time) && is_as_seen(seen, "dtime", now.detach_time);
  return same ? "" : "somebody was attached meanwhile";
}

std::string use_since(const Object& seen, const SysvQueueStatistics& now) {
  const bool same = is_as_seen(seen, "qnum", static_cast<std::int64_t>(now.messages)) &&
                    is_as_seen(seen, "stime", now.last_send_time) && is_as_seen(seen, "rtime", now.last_receive_time);
  return same ? "" : "messages came or went meanwhile";
}

std::string use_since(const Object& seen, const SysvSemaphoreSetStatistics& now) {
  return is_as_seen(seen, "otime", now.operation_time) ? "" : "it was operated on meanwhile";
}

std::string waiting_now(std::size_t threads) {
  if (threads == 0) return {};
  return threads == 1 ? "1 thread waits for it now" : std::to_string(threads) + " threads wait for it now";
}

// Whether anybody waits, which no time and no count of a queue or a set tells. What takes long is looked at first and what
// the kernel counts last, so that little time is left for something to change.

std::string waits_before(const SysvQueue& queue) { return waiting_now(sleepers_at_queue(queue.id())); }
std::string waits_before(const SysvShm& /*segment*/) { return {}; }
std::string waits_before(const SysvSemaphoreSet& /*set*/) { return {}; }

Result<std::string> waits_last(const SysvSemaphoreSet& set) {
  const auto threads = set.waiting();
  if (!threads) return std::unexpected{threads.error()};
  return waiting_now(*threads);
}
Result<std::string> waits_last(const SysvQueue& /*queue*/) { return std::string{}; }
Result<std::string> waits_last(const SysvShm& /*segment*/) { return std::string{}; }

/// It is the one that was seen if it has its id and was not changed since: an id holds a sequence number of the kernel,
/// which comes round after thousands of removals only.
template <class Handle>
RemovalOutcome remove_by_id(const Object& seen, bool force) {
  auto handle = Handle::open(SysvName{.key = {}, .id = static_cast<int>(seen.id.number)});
  if (!handle) return is_gone(handle.error()) ? gone() : refused(handle.error());
  if (!force)
    if (std::string waits = waits_before(*handle); !waits.empty()) return changed(std::move(waits));
  const auto now = handle->statistics();
  if (!now) return is_gone(now.error()) ? gone() : refused(now.error());
  if (static_cast<std::uint64_t>(now->change_time) != seen.id.generation)
    return changed("it was changed meanwhile, or made anew");
  if (!force) {
    if (std::string use = use_since(seen, *now); !use.empty()) return changed(std::move(use));
    auto waits = waits_last(*handle);
    if (!waits) return is_gone(waits.error()) ? gone() : refused(waits.error());
    if (!waits->empty()) return changed(std::move(*waits));
  }
  const auto removed = handle->remove();
  if (!removed) return is_gone(removed.error()) ? gone() : refused(removed.error());
  return {};
}

}  // namespace

RemovalOutcome remove_sysv(const Object& seen, bool force) {
  if (seen.id.kind == Kind::sysv_shm) return remove_by_id<SysvShm>(seen, force);
  if (seen.id.kind == Kind::sysv_queue) return remove_by_id<SysvQueue>(seen, force);
  return remove_by_id<SysvSemaphoreSet>(seen, force);
}

}  // namespace ginnel::inventory
