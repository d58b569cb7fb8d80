#include "proc_text.hpp"

#include <algorithm>
#include <array>

#include "ginnel/sys/directory.hpp"
#include "words.hpp"

namespace ginnel::inventory {
namespace {

constexpr unsigned kernel_thread_flag = 0x0020'0000;  // PF_KTHREAD

void skip_words(std::string_view& text, int count) noexcept {
  for (int i = 0; i < count; ++i) static_cast<void>(take_word(text));
}

/// `fe:00` or `fe:00:10952783`, hexadecimal but for the inode.
std::optional<std::uint64_t> take_device(std::string_view& text) noexcept {
  const auto major = to_number<std::uint32_t>(take_until(text, ':'), 16);
  const auto minor = to_number<std::uint32_t>(take_until(text, ':'), 16);
  if (!major || !minor) return std::nullopt;
  return device_number(*major, *minor);
}

/// The last part of a path that looks like a container's id or name, after a prefix that its runtime writes.
std::string_view after_prefix(std::string_view part, std::string_view prefix) noexcept {
  return part.starts_with(prefix) ? part.substr(prefix.size()) : std::string_view{};
}

}  // namespace

std::optional<ProcessStat> parse_stat(std::string_view text) {
  // A command may hold blanks and parentheses: it ends at the last one.
  const std::size_t open = text.find('(');
  const std::size_t close = text.rfind(')');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open) return std::nullopt;
  ProcessStat stat;
  stat.command = text.substr(open + 1, close - open - 1);
  text.remove_prefix(close + 1);
  const std::string_view state = take_word(text);
  const auto parent = take_number<pid_t>(text);
  skip_words(text, 4);
  const auto flags = take_number<std::uint64_t>(text);
  skip_words(text, 10);
  const auto threads = take_number<unsigned>(text);
  skip_words(text, 1);
  const auto start = take_number<std::uint64_t>(text);
  if (state.empty() || !parent || !flags || !threads || !start) return std::nullopt;
  stat.state = state.front();
  stat.parent = *parent;
  stat.kernel_thread = (*flags & kernel_thread_flag) != 0;
  stat.threads = *threads;
  stat.start_ticks = *start;
  skip_words(text, 16);
  stat.processor = take_number<int>(text);
  return stat;
}

ProcessStatus parse_status(std::string_view text) {
  ProcessStatus status;
  while (!text.empty()) {
    std::string_view line = take_line(text);
    const std::string_view key = take_until(line, ':');
    if (key == "Uid") status.real_user = take_number<std::uint32_t>(line);
    if (key == "SigPnd" || key == "ShdPnd") status.pending |= take_number<std::uint64_t>(line, 16).value_or(0);
    if (key == "SigBlk") status.blocked = take_number<std::uint64_t>(line, 16).value_or(0);
    if (key == "SigQ") {
      skip_blanks(line);
      status.queued = to_number<std::uint64_t>(take_until(line, '/'));
      status.queued_limit = to_number<std::uint64_t>(line);
    }
  }
  return status;
}

std::optional<MapsLine> parse_maps_line(std::string_view line) {
  const auto start = to_number<std::uint64_t>(take_until(line, '-'), 16);
  const auto end = take_number<std::uint64_t>(line, 16);
  const std::string_view rights = take_word(line);
  const auto offset = take_number<std::uint64_t>(line, 16);
  std::string_view device_text = take_word(line);
  const auto device = take_device(device_text);
  const auto inode = take_number<std::uint64_t>(line);
  if (!start || !end || rights.size() < 4 || !offset || !device || !inode) return std::nullopt;
  skip_blanks(line);
  return MapsLine{.mapping = {.start = *start,
                              .end = *end,
                              .offset = *offset,
                              .device = *device,
                              .inode = *inode,
                              .readable = rights[0] == 'r',
                              .writable = rights[1] == 'w',
                              .shared = rights[3] == 's'},
                  .path = line};
}

std::optional<std::uint64_t> parse_bracketed(std::string_view text) {
  const std::size_t open = text.find('[');
  if (open == std::string_view::npos || !text.ends_with(']')) return std::nullopt;
  return to_number<std::uint64_t>(text.substr(open + 1, text.size() - open - 2));
}

std::string parse_cgroup(std::string_view text) {
  std::string_view unified = "/";
  std::string_view memory;
  while (!text.empty()) {
    std::string_view line = take_line(text);
    const std::string_view hierarchy = take_until(line, ':');
    const std::string_view controllers = take_until(line, ':');
    if (hierarchy == "0" && controllers.empty()) unified = line;
    if (controllers == "memory") memory = line;
  }
  return std::string{unified == "/" && !memory.empty() ? memory : unified};
}

std::string container_of(std::string_view cgroup) {
  constexpr std::array prefixes{"docker-", "libpod-", "cri-containerd-", "crio-", "lxc.payload.", "machine-"};
  constexpr std::array parents{"docker", "lxc", "libpod_parent", "machine.slice"};
  std::string found;
  std::string_view parent;
  while (!cgroup.empty()) {
    std::string_view part = take_until(cgroup, '/');
    const bool below_runtime = std::ranges::find(parents, parent) != parents.end();
    parent = part;
    if (part.ends_with(".scope")) part.remove_suffix(std::string_view{".scope"}.size());
    for (const std::string_view prefix : prefixes)
      if (const std::string_view name = after_prefix(part, prefix); !name.empty()) found = name;
    if (below_runtime && found.empty()) found = part;
  }
  return found;
}

std::optional<std::string_view> value_of(std::string_view text, std::string_view key) {
  while (!text.empty()) {
    std::string_view line = take_line(text);
    if (!line.starts_with(key) || line.size() <= key.size() || line[key.size()] != ':') continue;
    line.remove_prefix(key.size() + 1);
    skip_blanks(line);
    return line.substr(0, line.find_last_not_of(" \t") + 1);
  }
  return std::nullopt;
}

std::optional<LockLine> parse_lock_line(std::string_view line) {
  static_cast<void>(take_until(line, ':'));  // its number
  LockLine lock;
  lock.kind = take_word(line);
  if (lock.kind == "->") {
    lock.waits = true;
    lock.kind = take_word(line);
  }
  skip_words(line, 1);  // ADVISORY, or what a lease is doing
  lock.mode = take_word(line);
  const auto pid = take_number<pid_t>(line);
  std::string_view file = take_word(line);
  const auto device = take_device(file);
  const auto inode = to_number<std::uint64_t>(file);
  const auto start = take_number<std::uint64_t>(line);
  const std::string_view end = take_word(line);
  if (!pid || !device || !inode || !start || end.empty()) return std::nullopt;
  if (*pid > 0) lock.pid = pid;
  lock.device = *device;
  lock.inode = *inode;
  lock.start = *start;
  lock.end = end == "EOF" ? std::nullopt : to_number<std::uint64_t>(end);
  if (end != "EOF" && !lock.end) return std::nullopt;
  return lock;
}

std::string_view SysvRow::column(std::string_view title) const noexcept {
  std::string_view titles = titles_;
  std::string_view row = row_;
  while (true) {
    const std::string_view here = take_word(titles);
    const std::string_view value = take_word(row);
    if (here.empty() || value.empty()) return {};
    if (here == title) return value;
  }
}

std::optional<std::uint64_t> SysvRow::number(std::string_view title) const noexcept {
  return to_number<std::uint64_t>(column(title));
}

std::optional<std::uint32_t> SysvRow::octal(std::string_view title) const noexcept {
  return to_number<std::uint32_t>(column(title), 8);
}

std::optional<std::int32_t> SysvRow::key() const noexcept { return to_number<std::int32_t>(column("key")); }

void for_each_row(std::string_view table, const std::function<void(const SysvRow&)>& found) {
  const std::string_view titles = take_line(table);
  while (!table.empty()) {
    const std::string_view row = take_line(table);
    if (!row.empty()) found(SysvRow{titles, row});
  }
}

std::optional<double> parse_last_ran(std::string_view text) {
  while (!text.empty()) {
    std::string_view line = take_line(text);
    if (!line.starts_with("se.exec_start")) continue;
    static_cast<void>(take_until(line, ':'));
    const std::string_view word = take_word(line);
    double milliseconds = 0;
    const auto [end, failure] = std::from_chars(word.data(), word.data() + word.size(), milliseconds);
    if (failure != std::errc{} || end != word.data() + word.size()) return std::nullopt;
    return milliseconds;
  }
  return std::nullopt;
}

}  // namespace ginnel::inventory
