#include "format.hpp"

#include <algorithm>
#include <cerrno>
#include <string>

namespace ginnel::detail {
namespace {

template <std::size_t Size>
void put(std::array<char, Size>& field, std::string_view text) noexcept {
  field.fill('\0');
  std::copy_n(text.data(), std::min(text.size(), Size - 1), field.data());
}

template <std::size_t Size>
std::string get(const std::array<char, Size>& field) {
  return {field.data(), static_cast<std::size_t>(std::ranges::find(field, '\0') - field.begin())};
}

std::uint64_t hash_of(std::string_view text) noexcept {
  std::uint64_t hash = 0xcbf29ce484222325U;  // FNV-1a
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  return hash;
}

}  // namespace

Result<OwnerStamp> own_stamp() {
  const auto self = ProcessIdentity::self();
  if (!self) return std::unexpected{self.error()};
  OwnerStamp stamp{};
  stamp.pid = static_cast<std::uint32_t>(self->pid);
  stamp.start_ticks = self->start_ticks;
  stamp.pid_namespace = self->pid_namespace;
  put(stamp.boot_id, self->boot_id);
  return stamp;
}

bool has_ended(const OwnerStamp& owner) {
  const auto self = ProcessIdentity::self();
  if (!self || self->pid_namespace == 0 || self->pid_namespace != owner.pid_namespace) return false;
  if (get(owner.boot_id) != self->boot_id) return true;
  const ProcessIdentity identity{.pid = static_cast<pid_t>(owner.pid),
                                 .start_ticks = owner.start_ticks,
                                 .pid_namespace = owner.pid_namespace,
                                 .boot_id = get(owner.boot_id)};
  const auto process = Process::open(identity);
  if (!process) return process.error().code() == ESRCH;
  return !process->alive();
}

TypeStamp stamp_of(const MessageType& type) noexcept {
  TypeStamp stamp{};
  put(stamp.name, type.name);
  stamp.name_hash = hash_of(type.name);
  stamp.version = type.version;
  stamp.size = type.size;
  stamp.alignment = type.alignment;
  stamp.sequence = type.sequence ? 1 : 0;
  return stamp;
}

MessageType type_of(const TypeStamp& stamp) {
  return {.name = get(stamp.name),
          .version = stamp.version,
          .size = stamp.size,
          .alignment = stamp.alignment,
          .sequence = stamp.sequence != 0};
}

bool is_want(const Error& refusal) noexcept {
  return refusal.code() == EMFILE || refusal.code() == ENFILE || refusal.code() == ENOMEM;
}

Error not_mapped(const Error& refusal, const std::string& path, Error damaged) {
  return is_want(refusal) ? Error{refusal}.with_object(path) : std::move(damaged);
}

Result<void> check_start(const FileStart& start, const Magic& magic, const std::string& path) {
  if (start.magic != magic)
    return std::unexpected{
        Error{EBADMSG, "attach", path, "this is no such file of ginnel's; remove it if nobody needs it"}};
  if (start.version != format_version)
    return std::unexpected{Error{EBADMSG, "attach", path,
                                 "it has version " + std::to_string(start.version) +
                                     " of the format, and this program has " + std::to_string(format_version) +
                                     ": build both sides with the same ginnel"}};
  if (start.header_bytes != page_bytes)
    return std::unexpected{Error{EBADMSG, "attach", path, "its header has a wrong size: it is damaged"}};
  return {};
}

Result<void> check_type(const TypeStamp& found, const MessageType& expected, const std::string& address) {
  const TypeStamp wanted = stamp_of(expected);
  if (found.name_hash == wanted.name_hash && found.version == wanted.version && found.size == wanted.size &&
      found.alignment == wanted.alignment && found.sequence == wanted.sequence)
    return {};
  return std::unexpected{Error{EPROTOTYPE, "attach", address,
                               "it carries " + type_of(found).to_string() + ", and this program expects " +
                                   expected.to_string() + ": build both sides from one definition"}};
}

std::int64_t wall_clock_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace ginnel::detail
