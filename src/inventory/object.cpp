#include "ginnel/inventory/object.hpp"

#include "ginnel/inventory/poll.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <optional>

namespace ginnel::inventory {
namespace {

constexpr std::array<std::string_view, kind_count> kind_names{
    "pipe",      "fifo",      "unix",   "posix-mq", "sysv-msg", "sysv-shm", "sysv-sem",
    "posix-shm", "posix-sem", "memfd",  "eventfd",  "epoll",    "signalfd", "timerfd",
    "lock",      "futex",     "signal", "topic",    "latest",   "queue",    "channel"};

/// The next hexadecimal number of `text`, which must end at `end`; both are taken off.
std::optional<std::uint64_t> take_part(std::string_view& text, std::optional<char> end) {
  const std::size_t length = end ? text.find(*end) : text.size();
  if (length == std::string_view::npos || length == 0) return std::nullopt;
  std::uint64_t value = 0;
  const auto [stop, failure] = std::from_chars(text.data(), text.data() + length, value, 16);
  if (failure != std::errc{} || stop != text.data() + length) return std::nullopt;
  text.remove_prefix(end ? length + 1 : length);
  return value;
}

}  // namespace

std::string_view to_string(Kind kind) noexcept { return kind_names.at(static_cast<std::size_t>(kind)); }

Result<Kind> parse_kind(std::string_view text) {
  const auto* const found = std::ranges::find(kind_names, text);
  if (found != kind_names.end()) return static_cast<Kind>(found - kind_names.begin());
  std::string hint = "the kinds are";
  for (const std::string_view name : kind_names) hint.append(" ").append(name);
  return std::unexpected{Error{EINVAL, "kind", text, hint}};
}

std::string ObjectId::to_string() const {
  std::array<char, 96> text{};
  std::string out{inventory::to_string(kind)};
  char separator = '@';
  for (const std::uint64_t part : {space, device, number, generation}) {
    out += separator;
    separator = '/';
    const auto end = std::to_chars(text.data(), text.data() + text.size(), part, 16).ptr;
    out.append(text.data(), end);
  }
  return out;
}

Result<ObjectId> ObjectId::parse(std::string_view text) {
  const auto refuse = [&] {
    return std::unexpected{
        Error{EINVAL, "uid", text, "expected KIND@SPACE/DEVICE/NUMBER/GENERATION, as 'ginnel ls -o uid' shows"}};
  };
  const std::size_t at = text.find('@');
  if (at == std::string_view::npos) return refuse();
  const auto kind = parse_kind(text.substr(0, at));
  if (!kind) return refuse();

  std::string_view rest = text.substr(at + 1);
  const auto space = take_part(rest, '/');
  const auto device = space ? take_part(rest, '/') : std::nullopt;
  const auto number = device ? take_part(rest, '/') : std::nullopt;
  const auto generation = number ? take_part(rest, std::nullopt) : std::nullopt;
  if (!generation) return refuse();
  return ObjectId{*kind, *space, *device, *number, *generation};
}

std::string_view to_string(Access access) noexcept {
  switch (access) {
    case Access::none:
      return "-";
    case Access::read:
      return "r";
    case Access::write:
      return "w";
    case Access::read_write:
      return "rw";
  }
  return "?";
}

std::string_view to_string(How how) noexcept {
  switch (how) {
    case How::descriptor:
      return "descriptor";
    case How::mapping:
      return "mapping";
    case How::in_flight:
      return "in-flight";
    case How::lock:
      return "lock";
    case How::owner:
      return "owner";
  }
  return "?";
}

std::string_view to_string(PollBy by) noexcept {
  switch (by) {
    case PollBy::poll:
      return "poll";
    case PollBy::select:
      return "select";
    case PollBy::epoll:
      return "epoll";
  }
  return "?";
}

std::string_view to_string(Wait wait) noexcept {
  switch (wait) {
    case Wait::read:
      return "read";
    case Wait::write:
      return "write";
    case Wait::open:
      return "open";
    case Wait::lock:
      return "lock";
    case Wait::futex:
      return "futex";
    case Wait::semaphore:
      return "semaphore";
    case Wait::receive:
      return "receive";
    case Wait::send:
      return "send";
    case Wait::accept:
      return "accept";
    case Wait::connect:
      return "connect";
    case Wait::poll:
      return "poll";
  }
  return "?";
}

std::string_view to_string(Unit unit) noexcept {
  switch (unit) {
    case Unit::bytes:
      return "bytes";
    case Unit::messages:
      return "messages";
    case Unit::slots:
      return "slots";
    case Unit::count:
      return "count";
    case Unit::signals:
      return "signals";
    case Unit::connections:
      return "connections";
  }
  return "?";
}

std::string_view to_string(Life life) noexcept {
  switch (life) {
    case Life::alive:
      return "alive";
    case Life::dead:
      return "dead";
    case Life::reused:
      return "reused";
  }
  return "?";
}

std::string_view to_string(Role role) noexcept {
  switch (role) {
    case Role::writer:
      return "writer";
    case Role::reader:
      return "reader";
    case Role::participant:
      return "participant";
  }
  return "?";
}

bool Member::is_alive() const noexcept { return life && *life == Life::alive; }

const Detail* Object::detail(std::string_view key) const noexcept {
  const auto found = std::ranges::find(details, key, &Detail::key);
  return found == details.end() ? nullptr : &*found;
}

}  // namespace ginnel::inventory
