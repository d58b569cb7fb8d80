#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>

#include "ginnel/sys/cross_memory.hpp"
#include "process_reader.hpp"
#include "words.hpp"

// What a sleeping thread's arguments point at, read from its memory.

namespace ginnel::inventory {
namespace {

constexpr std::size_t polled_files_looked_at = 64;
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
      blocked.polled = polled_by(blocked);
      return;
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

/// The scheduler's clock is none that a process can ask for: it is compared with the time at which this thread itself ran last.
Fact<std::chrono::nanoseconds> ProcessReader::asleep_since(const Directory& thread) {
  const auto missing = Fact<std::chrono::nanoseconds>::missing("the kernel has no CONFIG_SCHED_DEBUG");
  if (!now_) return missing;
  if (!thread.read_file("sched", text_)) return missing;
  const auto last_ran = parse_last_ran(text_);
  if (!last_ran) return missing;
  constexpr double nanoseconds_per_millisecond = 1e6;
  return std::chrono::nanoseconds{
      static_cast<std::int64_t>(std::max(0.0, *now_ - *last_ran) * nanoseconds_per_millisecond)};
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

std::vector<PolledFile> ProcessReader::polled_by(const BlockedThread& blocked) {
  struct Polled {  // struct pollfd, poll(2)
    std::int32_t fd;
    std::int16_t events;
    std::int16_t returned;
  };
  constexpr std::int16_t poll_in = 1;
  const Process* process = hold(blocked.pid);
  const std::size_t count = std::min<std::size_t>(blocked.call.arguments[1], polled_files_looked_at);
  if (process == nullptr || count == 0) return {};
  const std::string bytes = memory_of(*process, blocked.call.arguments[0], count * sizeof(Polled));
  std::vector<PolledFile> files;
  for (std::size_t at = 0; at + sizeof(Polled) <= bytes.size(); at += sizeof(Polled)) {
    Polled polled{};
    std::memcpy(&polled, bytes.data() + at, sizeof polled);
    if (polled.fd >= 0 && polled.events != 0) files.push_back({polled.fd, (polled.events & poll_in) != 0});
  }
  return files;
}

std::string ProcessReader::connected_to(const BlockedThread& blocked) {
  constexpr std::size_t address_max = 110;  // sizeof(struct sockaddr_un)
  constexpr std::uint16_t unix_family = 1;  // AF_UNIX
  const Process* process = hold(blocked.pid);
  if (process == nullptr) return {};
  std::string bytes =
      memory_of(*process, blocked.call.arguments[1], std::min<std::size_t>(blocked.call.arguments[2], address_max));
  std::uint16_t family = 0;
  if (bytes.size() <= sizeof family) return {};
  std::memcpy(&family, bytes.data(), sizeof family);
  if (family != unix_family) return {};
  bytes.erase(0, sizeof family);
  if (bytes.front() == '\0') {
    bytes.front() = '@';
    return bytes;
  }
  bytes.resize(std::min(bytes.find('\0'), bytes.size()));
  return bytes;
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
  std::string path = memory_of(*process, address, page - address % page);
  if (!path.contains('\0')) path += memory_of(*process, address + path.size(), page);
  path.resize(std::min(path.find('\0'), path.size()));
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
