#include "graph_text.hpp"

#include <algorithm>
#include <array>

#include "utf8.hpp"

namespace ginnel::inventory {
namespace {

std::string size_text(std::uint64_t bytes) {
  constexpr std::array<std::string_view, 5> units{" B", " KiB", " MiB", " GiB", " TiB"};
  constexpr std::uint64_t step = 1024;
  constexpr std::uint64_t one_decimal_below = 10;
  std::size_t unit = 0;
  std::uint64_t tenths = bytes * 10;
  while (tenths / 10 >= step && unit + 1 < units.size()) {
    tenths /= step;
    ++unit;
  }
  std::string text = std::to_string(tenths / 10);
  if (unit > 0 && tenths / 10 < one_decimal_below && tenths % 10 != 0) text += "." + std::to_string(tenths % 10);
  return text.append(units.at(unit));
}

std::string amount(std::uint64_t count, Unit unit) {
  return unit == Unit::bytes ? size_text(count) : std::to_string(count);
}

std::string fill_text(const Object& object) {
  if (!object.fill || !object.fill->used) return {};
  const Fill& fill = *object.fill;
  switch (object.id.kind) {
    case Kind::pipe:
    case Kind::fifo:
    case Kind::posix_queue:
    case Kind::sysv_queue:
    case Kind::topic:
    case Kind::queue: {
      if (*fill.used == 0) return ", empty";
      std::string text = " " + amount(*fill.used, fill.unit);
      if (fill.capacity) text += " of " + amount(*fill.capacity, fill.unit);
      return text;
    }
    case Kind::posix_shm:
    case Kind::sysv_shm:
    case Kind::memfd:
      return fill.capacity ? " " + amount(*fill.capacity, fill.unit) : "";
    default:
      return {};
  }
}

/// Text that begins with the kind, as most names do by their scheme.
std::string name_text(const Object& object, const Object* other_end) {
  if (!object.name.empty() && object.id.kind == Kind::memfd) return "memfd:" + object.name;
  if (!object.name.empty()) return object.name;
  if (other_end != nullptr && !other_end->name.empty()) return other_end->name;
  if (object.id.kind != Kind::futex) return std::string{to_string(object.id.kind)};
  const Detail* file = object.detail("in");
  const std::string_view what = object.holders.empty() ? "futex" : "mutex";
  return file == nullptr ? std::string{what} : std::string{what} + " in " + file->value;
}

std::string_view purpose(Wait wait) noexcept {
  switch (wait) {
    case Wait::read:
      return "to read";
    case Wait::write:
      return "to write";
    case Wait::open:
      return "for the other side";
    case Wait::lock:
      return "for the lock";
    case Wait::futex:
      return "for the futex";
    case Wait::semaphore:
      return "for the semaphore";
    case Wait::receive:
      return "to receive";
    case Wait::send:
      return "to send";
    case Wait::accept:
      return "to accept";
    case Wait::connect:
      return "to be accepted";
    case Wait::poll:
      return "for an event";
  }
  return {};
}

bool is_control(std::string_view character) noexcept {
  const auto first = static_cast<unsigned char>(character.front());
  if (character.size() == 1) return first < 0x20 || first == 0x7f;
  const bool c1 = first == 0xc2 && static_cast<unsigned char>(character[1]) < 0xa0;
  const bool noncharacter = character == "\xef\xbf\xbe" || character == "\xef\xbf\xbf";
  return c1 || noncharacter;
}

}  // namespace

std::string label_of(const Object& object, const Object* other_end) {
  return name_text(object, other_end) + fill_text(object);
}

std::string describe_waiter(const Snapshot& snapshot, const Waiter& waiter) {
  const ProcessInfo* process = snapshot.process(waiter.pid);
  std::string text = process == nullptr ? "?" : process->command;
  return text.append("(" + std::to_string(waiter.pid) + ") waits ").append(purpose(waiter.wait));
}

std::string_view colour_of(EdgeState state) noexcept {
  constexpr std::array<std::string_view, 3> colours{"#64748b", "#b45309", "#dc2626"};
  return colours.at(static_cast<std::size_t>(state));
}

std::string readable(std::string_view text) {
  std::string clean;
  while (!text.empty()) {
    const std::size_t length = length_of_character(text);
    const std::string_view character = text.substr(0, std::max<std::size_t>(length, 1));
    clean += length == 0 || is_control(character) ? replacement_character : character;
    text.remove_prefix(character.size());
  }
  return clean;
}

}  // namespace ginnel::inventory
