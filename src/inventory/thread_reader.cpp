#include <algorithm>
#include <array>
#include <chrono>
#include <climits>
#include <cstring>

#include "ginnel/sys/cross_memory.hpp"
#include "given_names.hpp"
#include "process_reader.hpp"
#include "words.hpp"

// What a sleeping thread's arguments point at, read from its memory.

namespace ginnel::inventory {
namespace {

constexpr std::size_t polled_files_looked_at = 4096;
constexpr std::uint64_t futex_command_mask =
    0x7f;  // FUTEX_CMD_MASK, without FUTEX_PRIVATE_FLAG and FUTEX_CLOCK_REALTIME
constexpr std::uint64_t futex_private_flag = 128;
constexpr std::array<std::uint64_t, 2> priority_inheriting_commands{6, 13};  // FUTEX_LOCK_PI, FUTEX_LOCK_PI2

/// As much as can be read from there; fewer bytes at the end of a mapping.
std::string memory_of(const Process& process, std::uint64_t address, std::size_t size) {
  std::string bytes(size, '\0');
  const auto got = read_memory(process, address, std::as_writable_bytes(std::span{bytes}));
  const BytesRead* read = got ? got->get_if<BytesRead>() : nullptr;
  bytes.resize(read != nullptr ? read->count : 0);
  return bytes;
}

/// Whether a call that polls ends by itself: milliseconds that are not negative, or a time that is pointed at.
bool has_timeout(const BlockedCall& call) noexcept {
  switch (call.call) {
    case BlockingCall::poll:
      return static_cast<std::int32_t>(call.arguments[2]) >= 0;
    case BlockingCall::epoll_wait:
      return static_cast<std::int32_t>(call.arguments[3]) >= 0;
    case BlockingCall::ppoll:
      return call.arguments[2] != 0;
    case BlockingCall::epoll_pwait2:
      return call.arguments[3] != 0;
    default:
      return call.arguments[4] != 0;
  }
}

/// The first word of a futex_waitv: struct futex_waitv { u64 val; u64 uaddr; u32 flags; u32 reserved; }.
std::uint64_t first_of_many(const Process& process, std::uint64_t array) {
  const std::string bytes = memory_of(process, array + sizeof(std::uint64_t), sizeof(std::uint64_t));
  std::uint64_t address = 0;
  if (bytes.size() == sizeof address) std::memcpy(&address, bytes.data(), sizeof address);
  return address;
}

}  // namespace

void ProcessReader::add_details(const Directory& thread, BlockedThread& blocked) {
  switch (blocked.call.call) {
    case BlockingCall::futex:
    case BlockingCall::futex_wait:
      blocked.futex = futex_at(blocked, blocked.call.arguments[0]);
      break;
    case BlockingCall::futex_waitv:
      if (const Process* process = hold(blocked.pid))
        blocked.futex = futex_at(blocked, first_of_many(*process, blocked.call.arguments[0]));
      break;
    case BlockingCall::poll:
    case BlockingCall::ppoll:
      blocked.poll = polled_by(blocked);
      break;
    case BlockingCall::select:
    case BlockingCall::pselect:
      blocked.poll = selected_by(blocked);
      break;
    case BlockingCall::epoll_wait:
    case BlockingCall::epoll_pwait2:
      blocked.poll = PollCall{.by = PollBy::epoll,
                              .set = static_cast<int>(blocked.call.arguments[0]),
                              .files = {},
                              .timed = has_timeout(blocked.call)};
      break;
    case BlockingCall::open:
    case BlockingCall::openat:
      blocked.opening = opened_by(thread, blocked);
      break;
    case BlockingCall::connect:
      blocked.connecting = connected_to(blocked);
      break;
    default:
      break;
  }
  blocked.since = asleep_since(thread);
}

/// The scheduler's clocks are none that a process can ask for: what this thread has there is compared with what one of ours has
/// that runs on the same processor now.
Fact<std::chrono::nanoseconds> ProcessReader::asleep_since(const Directory& thread) {
  using Since = Fact<std::chrono::nanoseconds>;
  const auto last_ran = thread.read_file("sched", text_) ? parse_last_ran(text_) : std::nullopt;
  if (!last_ran) return Since::missing("the kernel has no CONFIG_SCHED_DEBUG");
  std::optional<int> processor = processor_;
  if (threads_ > 1) {
    const auto stat = thread.read_file("stat", text_) ? parse_stat(text_) : std::nullopt;
    processor = stat ? stat->processor : std::nullopt;
  }
  const auto now = processor ? clocks_.now_on(*processor) : std::nullopt;
  if (!now) return Since::missing("the processor on which it ran last could not be asked for its time");
  constexpr double nanoseconds_per_millisecond = 1e6;
  return std::chrono::nanoseconds{
      static_cast<std::int64_t>(std::max(0.0, *now - *last_ran) * nanoseconds_per_millisecond)};
}

std::optional<FutexWord> ProcessReader::futex_at(const BlockedThread& blocked, std::uint64_t address) {
  FutexWord word;
  word.address = address;
  if (blocked.call.call == BlockingCall::futex) {
    const std::uint64_t operation = blocked.call.arguments[1];
    word.priority_inheriting = std::ranges::count(priority_inheriting_commands, operation & futex_command_mask) > 0;
    word.shared = (operation & futex_private_flag) == 0;
  } else {
    word.shared = true;
  }
  const auto mapping = map_.at(address);
  if (mapping) {
    word.device = mapping->device;
    word.inode = mapping->inode;
    word.offset = mapping->offset + (address - mapping->start);
  }
  word.shared = word.shared && mapping && mapping->shared;

  constexpr std::size_t owner_offset = 8;  // of glibc's pthread_mutex_t from its lock word
  const Process* process = hold(blocked.pid);
  const std::string bytes = process != nullptr ? memory_of(*process, address, owner_offset + sizeof(std::int32_t)) : "";
  if (bytes.size() == owner_offset + sizeof(std::int32_t)) {
    std::pair<std::uint32_t, std::int32_t> words;
    std::memcpy(&words.first, bytes.data(), sizeof words.first);
    std::memcpy(&words.second, bytes.data() + owner_offset, sizeof words.second);
    word.words = words;
  }
  return word;
}

PollCall ProcessReader::polled_by(const BlockedThread& blocked) {
  constexpr std::size_t entry_bytes = 8;  // struct pollfd
  const std::uint64_t given = blocked.call.arguments[1];
  const std::size_t count = std::min<std::uint64_t>(given, polled_files_looked_at);
  PollCall call{.by = PollBy::poll, .set = -1, .files = {}, .timed = has_timeout(blocked.call)};
  const Process* process = count > 0 ? hold(blocked.pid) : nullptr;
  const std::string bytes =
      process != nullptr ? memory_of(*process, blocked.call.arguments[0], count * entry_bytes) : std::string{};
  call.files = polled_files(bytes);
  call.complete = bytes.size() == given * entry_bytes;
  return call;
}

/// The kernel works on copies of the sets: until the call ends they are as the thread gave them.
PollCall ProcessReader::selected_by(const BlockedThread& blocked) {
  const auto given = static_cast<std::uint32_t>(blocked.call.arguments[0]);
  const std::size_t count = std::min<std::size_t>(given, polled_files_looked_at);
  PollCall call{.by = PollBy::select, .set = -1, .files = {}, .timed = has_timeout(blocked.call)};
  call.complete = count == given;
  const Process* process = count > 0 ? hold(blocked.pid) : nullptr;
  const auto set_at = [&](std::uint64_t address) {
    const std::size_t bytes = (count + CHAR_BIT - 1) / CHAR_BIT;
    if (address == 0) return std::string{};
    std::string set = process != nullptr ? memory_of(*process, address, bytes) : std::string{};
    if (set.size() < bytes) call.complete = false;
    return set;
  };
  const std::string reading = set_at(blocked.call.arguments[1]);
  const std::string writing = set_at(blocked.call.arguments[2]);
  call.files = selected_files(reading, writing, count);
  return call;
}

std::string ProcessReader::connected_to(const BlockedThread& blocked) {
  constexpr std::size_t address_max = 110;  // sizeof(struct sockaddr_un)
  const Process* process = hold(blocked.pid);
  if (process == nullptr) return {};
  return socket_name_in(
      memory_of(*process, blocked.call.arguments[1], std::min<std::size_t>(blocked.call.arguments[2], address_max)));
}

std::optional<std::pair<std::string, FileStatus>> ProcessReader::opened_by(const Directory& thread,
                                                                           const BlockedThread& blocked) {
  // Only a FIFO whose other side is missing makes open(2) sleep there.
  if (!thread.read_file("wchan", text_) || text_ != "wait_for_partner") return std::nullopt;
  const bool relative_to_folder = blocked.call.call == BlockingCall::openat;
  const Process* process = hold(blocked.pid);
  if (process == nullptr) return std::nullopt;
  constexpr std::size_t page = 4096;  // PATH_MAX, and no mapping ends within a page
  const std::uint64_t address = blocked.call.arguments[relative_to_folder ? 1 : 0];
  std::string bytes = memory_of(*process, address, page - address % page);
  if (!bytes.contains('\0')) bytes += memory_of(*process, address + bytes.size(), page);
  std::string path = path_in(bytes);
  if (path.empty()) return std::nullopt;

  if (!path.starts_with('/')) {
    const auto folder = static_cast<std::int32_t>(blocked.call.arguments[0]);
    const bool in_own_folder = !relative_to_folder || folder < 0;  // AT_FDCWD
    if (!thread.read_link((in_own_folder ? "cwd" : "fd/" + std::to_string(folder)).c_str(), text_)) return std::nullopt;
    path.insert(0, text_ + "/");
  }
  const auto status = thread.status(("root" + path).c_str(), Follow::yes);
  if (!status || status->type != FileType::fifo) return std::nullopt;
  return std::pair{std::move(path), *status};
}

}  // namespace ginnel::inventory
