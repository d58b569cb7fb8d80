#include <fmt/core.h>
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>

#include "endpoints/objects.hpp"
#include "ginnel/inventory.hpp"
#include "ginnel/sys/checked_unlink.hpp"
#include "inventory/columns.hpp"
#include "inventory/find_object.hpp"
#include "render/harmless.hpp"
#include "render/output.hpp"
#include "verbs.hpp"

// `ginnel rm`: removes what was named, and nothing that somebody uses unless that is asked for.

namespace ginnel::cli {
namespace {

struct RmArguments {
  std::vector<std::string> addresses;
  bool force = false;
};

int complain(const std::string& message) {
  note("ginnel rm: {}{}", harmless(message), message.ends_with('\n') ? "" : "\n");
  return exit_refused;
}

/// The machine as it was when the first address needed it.
class Machine {
 public:
  [[nodiscard]] Result<const inventory::Snapshot*> look() {
    if (!snapshot_) {
      auto snapshot = inventory::scan();
      if (!snapshot) return std::unexpected{snapshot.error()};
      snapshot_ = std::move(*snapshot);
    }
    return &*snapshot_;
  }

 private:
  std::optional<inventory::Snapshot> snapshot_;
};

/// Who uses it, ready to be read.
std::string users_of(const inventory::Snapshot& snapshot, const inventory::Object& object,
                     const inventory::Judgement& judgement) {
  constexpr std::size_t most = 8;
  std::string users = display_holders(snapshot, object, most);
  const std::size_t waiters = std::min(object.waiters.size(), most);
  for (std::size_t at = 0; at < waiters; ++at)
    users += fmt::format("{}{} waits", users.empty() ? "" : " ", object.waiters[at].pid);
  if (waiters < object.waiters.size()) users += fmt::format(" +{}", object.waiters.size() - waiters);
  return users.empty() ? judgement.reasons.front() : users;
}

/// These know themselves who takes part, by their locks, and none goes while somebody does: not by force either.
bool guards_itself(AddressKind kind) noexcept {
  return kind == AddressKind::topic || kind == AddressKind::latest || kind == AddressKind::queue;
}

/// No force removes the path of a socket that lives.
bool is_socket(inventory::Kind kind) noexcept { return kind == inventory::Kind::unix_socket; }

int told(const Address& address, const Result<Outcome<Done, NotFound>>& removed) {
  if (!removed) return complain(removed.error().message());
  if (removed->is<NotFound>()) return nothing(rm_verb, address.to_string() + ": nothing of that name is there");
  return exit_done;
}

int told(const Address& address, const inventory::RemovalReport& report) {
  switch (report.result) {
    case inventory::Removal::removed:
      return exit_done;
    case inventory::Removal::gone:
      return nothing(rm_verb, address.to_string() + ": nothing of that name is there");
    case inventory::Removal::changed:
      return complain(fmt::format("{}: {}; or say --force", address.to_string(), report.text));
    case inventory::Removal::skipped:
    case inventory::Removal::refused:
      break;
  }
  return complain(fmt::format("{}: {}", address.to_string(), report.text));
}

/// A queue is not listed where the mqueue file system is neither mounted nor may be: the kernel tells of it all the same.
Result<Outcome<Done, NotFound>> remove_unlisted(const Address& address) {
  if (address.kind != AddressKind::posix_queue) return remove_object(address);
  const auto unlinked = unlink_unused_posix_queue(address.name);
  if (!unlinked) return std::unexpected{unlinked.error()};
  if (unlinked->is<FileInUse>())
    return std::unexpected{
        Error{EBUSY, "rm", address.to_string(), "somebody has it open; end them first, or say --force"}};
  if (unlinked->is<NameGone>()) return NotFound{};
  return Done{};
}

/// Why not all of the caller's own namespaces could be looked into; empty when they were.
std::string_view why_not_seen(const inventory::Snapshot& snapshot) {
  for (const inventory::NamespaceInfo& space : snapshot.coverage.namespaces)
    if (space.own && !space.visited) return space.reason;
  return {};
}

/// The kernel has a last word on nearly all kinds, also where processes may not be looked into: see inventory::remove(). It has
/// none on a FIFO, which whoever has it open keeps.
int remove_unused(const Address& address, const inventory::Snapshot& snapshot) {
  const inventory::Object* const object = find_here(snapshot, address);
  if (object == nullptr && address.kind != AddressKind::posix_queue)
    if (const std::string_view reason = why_not_seen(snapshot); !reason.empty())
      return complain(
          fmt::format("{}: who uses it: ENODATA: {}; if nobody uses it, say --force", address.to_string(), reason));
  if (object == nullptr) return told(address, remove_unlisted(address));
  const inventory::Judgement judgement = inventory::Judge{snapshot, {.grace = std::chrono::seconds{0}}}(*object);
  if (judgement.verdict == inventory::Verdict::in_use)
    return complain(fmt::format("{}: in use by {}; end them first{}", address.to_string(),
                                users_of(snapshot, *object, judgement),
                                is_socket(object->id.kind) ? "" : ", or say --force"));
  if (is_socket(object->id.kind)) return told(address, remove_object(address));
  if (object->id.kind != inventory::Kind::fifo) return told(address, inventory::remove(snapshot, *object, false));
  const int code = told(address, remove_object(address));
  if (code == exit_done && judgement.verdict == inventory::Verdict::unknown)
    note("ginnel rm: {}: removed; {}\n", harmless(address.to_string()), judgement.reasons.front());
  return code;
}

int remove_by_itself(const Address& address, Machine& machine) {
  const auto removed = remove_object(address);
  if (removed || removed.error().code() != EBUSY) return told(address, removed);
  const auto snapshot = machine.look();
  const inventory::Object* const object = snapshot ? find_here(**snapshot, address) : nullptr;
  if (object == nullptr) return told(address, removed);
  const inventory::Judgement judgement = inventory::Judge{**snapshot}(*object);
  return complain(removed.error().message() + ": " + users_of(**snapshot, *object, judgement));
}

int remove_one(const std::string& text, bool force, Machine& machine) {
  const auto address = Address::parse(text);
  if (!address) return complain(address.error().message());
  if (guards_itself(address->kind)) return remove_by_itself(*address, machine);
  if (force) return told(*address, remove_object(*address));
  const auto snapshot = machine.look();
  if (!snapshot) return complain(address->to_string() + ": who uses it: " + snapshot.error().message());
  return remove_unused(*address, **snapshot);
}

CommandRun define_rm(const VerbOptions& options) {
  auto arguments = std::make_shared<RmArguments>();
  options.add_option("ADDRESS", arguments->addresses, "What to remove; System V objects by key or by id").required();
  options.add_flag(
      "--force", arguments->force,
      "Also what somebody uses; a socket that a process listens on stays all the same, and so do a topic, a "
      "newest value and a queue with somebody there");
  return [arguments](const TrailingWords&) -> Result<int> {
    Machine machine;
    int worst = exit_done;
    for (const std::string& address : arguments->addresses)
      worst = std::max(worst, remove_one(address, arguments->force, machine));
    return worst;
  };
}

}  // namespace

const Verb rm_verb{"rm", "Remove objects that nobody uses, by address",
                   "  ginnel rm fifo:/tmp/x mq:/jobs    # goes on after a failure\n"
                   "  ginnel rm sysv-shm:0x51\n"
                   "  ginnel rm sysv-sem:id=7 --force   # though a process waits on it\n"
                   "  ginnel rm unix:/tmp/s             # only when no process listens there\n",
                   "", define_rm};

}  // namespace ginnel::cli
