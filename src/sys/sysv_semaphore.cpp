#include "ginnel/sys/sysv_semaphore.hpp"

#include <sys/sem.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <climits>
#include <string>
#include <vector>

#include "system_call.hpp"
#include "sysv_object.hpp"

namespace ginnel {
namespace {

constexpr std::chrono::milliseconds longest_pause{5};

/// The fourth argument of semctl(2), which its caller has to define.
union SemctlArgument {
  semid_ds* status;
  unsigned short* values;
  seminfo* info;
};

std::string object_of(int id) { return sysv_object(AddressKind::sysv_semaphore, id); }

Error refused(std::string_view operation, const std::string& object, std::string_view hint, int code = EINVAL) {
  return Error{code, operation, object, hint};
}

bool is_gone(int code) { return code == EINVAL || code == EIDRM; }

int look(int id, semid_ds& status) {
  SemctlArgument argument{};
  argument.status = &status;
  return ::semctl(id, 0, IPC_STAT, argument);
}

/// The limits of this IPC namespace, or with SEM_INFO what it has in use: `semusz` sets, `semaem` semaphores.
seminfo system_information(int command) {
  seminfo info{};
  SemctlArgument argument{};
  argument.info = &info;
  ::semctl(0, 0, command, argument);
  return info;
}

std::string over_semopm(std::size_t steps) {
  return std::to_string(steps) + " steps at once are over SEMOPM " +
         std::to_string(system_information(IPC_INFO).semopm) + " (the third number of kernel.sem; raise it with sysctl)";
}

std::string create_hint(int code, std::size_t count) {
  const seminfo limits = system_information(IPC_INFO);
  switch (code) {
    case ENOSPC: {
      const seminfo used = system_information(SEM_INFO);
      const std::string remedy = "; remove some sets (ipcs -s shows them) or raise kernel.sem with sysctl";
      if (used.semusz >= limits.semmni)
        return "this IPC namespace has " + std::to_string(used.semusz) + " sets, and SEMMNI " +
               std::to_string(limits.semmni) + " allows no more" + remedy;
      return "this IPC namespace has " + std::to_string(used.semaem) + " semaphores; with " + std::to_string(count) +
             " more it would be over SEMMNS " + std::to_string(limits.semmns) + remedy;
    }
    case EINVAL:
      return std::to_string(count) + " semaphores in one set are over SEMMSL " + std::to_string(limits.semmsl) +
             " (the first number of kernel.sem; raise it with sysctl)";
    case EEXIST:
      return "there is a set with this key already; open it, or remove it first";
    default:
      return {};
  }
}

Result<void> check_creation(const std::string& object, std::optional<std::int32_t> key,
                            std::span<const unsigned short> values, const SysvCreateOptions& options) {
  if (auto good = check_sysv_key("semget", object, key); !good) return good;
  if (auto good = check_sysv_mode("semget", object, options.mode); !good) return good;
  if ((options.mode & 0600U) != 0600U)
    return std::unexpected{
        refused("semget", object, "without leave to read and alter its owner could give it no values")};
  if (values.empty()) return std::unexpected{refused("semget", object, "a set has at least one semaphore")};
  for (const unsigned short value : values)
    if (value > SysvSemaphoreSet::value_max)
      return std::unexpected{refused(
          "semget", object,
          "a value of " + std::to_string(value) + " is over SEMVMX " + std::to_string(SysvSemaphoreSet::value_max),
          ERANGE)};
  return {};
}

int operate_once(int id, std::span<sembuf> operations) {
  return retry_interrupted([&] { return ::semop(id, operations.data(), operations.size()); });
}

/// Gives a set made just now, all zero, its values, and sets sem_otime by the same operation, which tells the others that it
/// is ready. 0, or -1 with errno.
int initialise(int id, std::span<const unsigned short> values) {
  const auto first = std::ranges::find_if(values, [](unsigned short value) { return value > 0; });
  if (first == values.end()) {
    sembuf wait_for_zero{.sem_num = 0, .sem_op = 0, .sem_flg = IPC_NOWAIT};
    const int result = operate_once(id, {&wait_for_zero, 1});
    return result < 0 && errno == EAGAIN ? 0 : result;  // not zero any more: an operation has set the time already
  }

  std::vector<sembuf> additions;
  for (std::size_t i = 0; i < values.size(); ++i)
    if (values[i] > 0)
      additions.push_back(
          {.sem_num = static_cast<unsigned short>(i), .sem_op = static_cast<short>(values[i]), .sem_flg = IPC_NOWAIT});
  if (const int result = operate_once(id, additions); result == 0 || errno != E2BIG) return result;

  std::vector<unsigned short> all_but_one(values.begin(), values.end());
  const auto held_back = static_cast<unsigned short>(first - values.begin());
  --all_but_one[held_back];
  SemctlArgument argument{};
  argument.values = all_but_one.data();
  if (::semctl(id, 0, SETALL, argument) < 0) return -1;
  sembuf last_unit{.sem_num = held_back, .sem_op = 1, .sem_flg = IPC_NOWAIT};
  return operate_once(id, {&last_unit, 1});
}

enum class Found { ready, gone };

/// Waits until the creator of an existing set has given it its values.
Result<Found> wait_until_ready(int id, const std::string& object, Deadline deadline) {
  Backoff backoff{longest_pause};
  while (true) {
    semid_ds status{};
    if (look(id, status) < 0) {
      if (is_gone(errno)) return Found::gone;
      return std::unexpected{Error::last("semctl IPC_STAT", object)};
    }
    if (auto good = check_sysv_owner("semget", object, status.sem_perm); !good) return std::unexpected{good.error()};
    if (status.sem_otime != 0) return Found::ready;
    if (deadline.passed())
      return std::unexpected{refused("semget", object,
                                     "the existing set, id " + std::to_string(id) +
                                         ", was never given its values: its creator was killed, or is stopped. If it "
                                         "is dead, remove the set (ipcrm -s " +
                                         std::to_string(id) + ") and try again",
                                     ETIMEDOUT)};
    backoff.pause(deadline);
  }
}

/// The set of that key, ready for use; nothing when it was removed meanwhile.
Result<std::optional<int>> join_existing(key_t key, std::size_t count, const std::string& object, Deadline deadline) {
  const int id = ::semget(key, static_cast<int>(count), 0);
  if (id < 0) {
    if (errno == ENOENT) return std::nullopt;
    const int code = errno;
    const std::string hint =
        code == EINVAL ? "the existing set has fewer than " + std::to_string(count) + " semaphores" : "";
    return std::unexpected{refused("semget", object, hint, code)};
  }
  auto found = wait_until_ready(id, object, deadline);
  if (!found) return std::unexpected{found.error()};
  if (*found == Found::gone) return std::nullopt;
  return id;
}

}  // namespace

Result<SysvSemaphoreSet> SysvSemaphoreSet::create(std::optional<std::int32_t> key,
                                                  std::span<const unsigned short> values, SysvCreateOptions options,
                                                  Deadline initialised_by) {
  const std::string object = sysv_object(AddressKind::sysv_semaphore, key);
  if (auto good = check_creation(object, key, values, options); !good) return std::unexpected{good.error()};

  const key_t wanted = key.value_or(IPC_PRIVATE);
  const auto count = static_cast<int>(std::min<std::size_t>(values.size(), INT_MAX));
  while (true) {
    const int id = ::semget(wanted, count, IPC_CREAT | IPC_EXCL | static_cast<int>(options.mode));
    if (id >= 0) {
      if (initialise(id, values) == 0) return SysvSemaphoreSet{id};
      const int code = errno;
      if (is_gone(code) && !options.exclusive) continue;  // somebody took it for abandoned
      Error error{code, "semop", object, code == E2BIG ? over_semopm(values.size()) : std::string{}};
      ::semctl(id, 0, IPC_RMID);
      return std::unexpected{std::move(error)};
    }
    const int code = errno;
    if (code != EEXIST || options.exclusive)
      return std::unexpected{refused("semget", object, create_hint(code, values.size()), code)};

    auto existing = join_existing(wanted, values.size(), object, initialised_by);
    if (!existing) return std::unexpected{existing.error()};
    if (*existing) return SysvSemaphoreSet{**existing};
  }
}

Result<SysvSemaphoreSet> SysvSemaphoreSet::open(const SysvName& name) {
  assert(name.key.has_value() != name.id.has_value());
  if (name.id) {
    semid_ds status{};
    if (look(*name.id, status) == 0 || errno == EACCES) return SysvSemaphoreSet{*name.id};
    const int code = is_gone(errno) ? ENOENT : errno;
    const std::string_view hint =
        code == ENOENT ? "no semaphore set in this IPC namespace has this id, or no longer" : "";
    return std::unexpected{refused("semctl IPC_STAT", object_of(*name.id), hint, code)};
  }
  const std::string object = sysv_object(AddressKind::sysv_semaphore, name.key);
  if (auto good = check_sysv_key("semget", object, name.key); !good) return std::unexpected{good.error()};
  const int id = ::semget(*name.key, 0, 0);
  if (id >= 0) return SysvSemaphoreSet{id};
  const int code = errno;
  const std::string_view hint = code == ENOENT ? "no semaphore set in this IPC namespace has this key" : "";
  return std::unexpected{refused("semget", object, hint, code)};
}

Result<Outcome<Done, Removed, TimedOut>> SysvSemaphoreSet::operate(std::span<const SemaphoreStep> steps,
                                                                   Deadline deadline) {
  if (steps.empty()) return std::unexpected{refused("semtimedop", object_of(id_), "there are no steps to do")};
  std::vector<sembuf> operations;
  operations.reserve(steps.size());
  for (const SemaphoreStep& step : steps) {
    int flags = step.undo ? SEM_UNDO : 0;
    if (deadline.is_immediate()) flags |= IPC_NOWAIT;
    operations.push_back({.sem_num = step.index, .sem_op = step.change, .sem_flg = static_cast<short>(flags)});
  }

  while (true) {
    const RemainingTime remaining{deadline};
    if (::semtimedop(id_, operations.data(), operations.size(), remaining.get()) == 0) return Done{};
    const int code = errno;
    if (code == EINTR) continue;
    if (code == EAGAIN) return TimedOut{};
    semid_ds status{};
    if (code == EIDRM || (code == EINVAL && look(id_, status) < 0 && is_gone(errno))) return Removed{};
    return std::unexpected{operate_error(code, steps.size())};
  }
}

Result<SysvSemaphoreStatus> SysvSemaphoreSet::status(unsigned short index) const {
  SysvSemaphoreStatus found;
  for (const int command : {GETVAL, GETPID, GETNCNT, GETZCNT}) {
    const int result = ::semctl(id_, index, command);
    if (result < 0) {
      Error error = Error::last("semctl", object_of(id_));
      semid_ds status{};
      if (error.code() == EINVAL && look(id_, status) == 0)
        error = std::move(error).with_hint("semaphore " + std::to_string(index) + " of a set of " +
                                           std::to_string(status.sem_nsems) + ", which are counted from 0");
      return std::unexpected{std::move(error)};
    }
    switch (command) {
      case GETVAL:
        found.value = static_cast<unsigned short>(result);
        break;
      case GETPID:
        found.last_pid = result;
        break;
      case GETNCNT:
        found.waiting_for_increase = static_cast<unsigned>(result);
        break;
      default:
        found.waiting_for_zero = static_cast<unsigned>(result);
    }
  }
  return found;
}

Result<SysvSemaphoreSetStatistics> SysvSemaphoreSet::statistics() const {
  semid_ds status{};
  if (look(id_, status) < 0) return std::unexpected{Error::last("semctl IPC_STAT", object_of(id_))};
  return SysvSemaphoreSetStatistics{.count = status.sem_nsems,
                                    .operation_time = status.sem_otime,
                                    .change_time = status.sem_ctime,
                                    .owner = status.sem_perm.uid,
                                    .group = status.sem_perm.gid,
                                    .mode = static_cast<mode_t>(status.sem_perm.mode & 0777)};
}

Result<std::size_t> SysvSemaphoreSet::waiting() const {
  const auto set = statistics();
  if (!set) return std::unexpected{set.error()};
  std::size_t threads = 0;
  for (std::size_t index = 0; index < set->count; ++index) {
    for (const int command : {GETNCNT, GETZCNT}) {
      const int count = ::semctl(id_, static_cast<int>(index), command);
      if (count < 0) return std::unexpected{Error::last("semctl", object_of(id_))};
      threads += static_cast<std::size_t>(count);
    }
  }
  return threads;
}

Result<void> SysvSemaphoreSet::remove() {
  if (::semctl(id_, 0, IPC_RMID) == 0) return {};
  const int code = errno;
  std::string_view hint;
  if (code == EPERM) hint = "only the set's owner, its creator and root may remove it";
  if (is_gone(code)) hint = "the set is gone already";
  return std::unexpected{refused("semctl IPC_RMID", object_of(id_), hint, code)};
}

Error SysvSemaphoreSet::operate_error(int code, std::size_t steps) const {
  std::string hint;
  switch (code) {
    case E2BIG:
      hint = over_semopm(steps);
      break;
    case EFBIG: {
      semid_ds status{};
      const std::string count = look(id_, status) == 0 ? std::to_string(status.sem_nsems) : "fewer";
      hint = "a step names a semaphore that the set has not; it has " + count + ", counted from 0";
      break;
    }
    case ERANGE:
      hint = "a value, or what is to be undone at exit, would go over SEMVMX " + std::to_string(value_max);
      break;
    case EACCES:
      hint = "the set's mode does not allow this: a change needs leave to alter, waiting for zero to read";
      break;
    case ENOMEM:
    case ENOSPC:
      hint = "the kernel has no room for the list of what is to be undone at exit";
      break;
    default:
      break;
  }
  return refused("semtimedop", object_of(id_), hint, code);
}

}  // namespace ginnel
