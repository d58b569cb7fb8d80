#include <fmt/core.h>
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <optional>

#include "endpoints/objects.hpp"
#include "ginnel/inventory.hpp"
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

/// Looks at the machine once, when the first address needs it.
class Users {
 public:
  /// Who uses it, ready to be read; empty when nobody can be seen to.
  [[nodiscard]] Result<std::string> of(const std::string& address) {
    if (!snapshot_) {
      auto snapshot = inventory::scan();
      if (!snapshot) return std::unexpected{snapshot.error()};
      snapshot_ = std::move(*snapshot);
    }
    const auto objects = find_objects(*snapshot_, address);
    if (!objects) return std::unexpected{objects.error()};
    if (objects->empty())
      for (const inventory::NamespaceInfo& space : snapshot_->coverage.namespaces)
        if (space.own && !space.visited)
          return std::unexpected{Error{ENODATA, "look into", "this namespace",
                                       fmt::format("{}; if nobody uses it, say --force", space.reason)}};
    const inventory::Judge judge{*snapshot_};
    constexpr std::size_t most = 8;
    for (const inventory::Object* object : *objects) {
      const auto judgement = judge(*object);
      if (judgement.verdict != inventory::Verdict::in_use) continue;
      std::string holders = display_holders(*snapshot_, *object, most);
      for (const inventory::Waiter& waiter : object->waiters)
        holders += fmt::format("{}{} waits", holders.empty() ? "" : " ", waiter.pid);
      return holders.empty() ? judgement.reasons.front() : holders;
    }
    return std::string{};
  }

 private:
  std::optional<inventory::Snapshot> snapshot_;
};

/// These know themselves who takes part, by their locks, and none goes while somebody does: not by force either.
bool guards_itself(AddressKind kind) noexcept {
  return kind == AddressKind::topic || kind == AddressKind::latest || kind == AddressKind::queue;
}

int remove_one(const std::string& text, bool force, Users& users) {
  auto address = Address::parse(text);
  if (!address) return complain(address.error().message());
  if (!force && !guards_itself(address->kind)) {
    const auto used_by = users.of(text);
    if (!used_by) return complain(address->to_string() + ": who uses it: " + used_by.error().message());
    if (!used_by->empty())
      return complain(fmt::format("{}: in use by {}; end them first, or say --force", address->to_string(), *used_by));
  }
  auto removed = remove_object(*address);
  if (!removed) {
    const bool in_use = removed.error().code() == EBUSY && guards_itself(address->kind);
    const auto used_by = in_use ? users.of(text) : std::string{};
    return complain(removed.error().message() + (used_by && !used_by->empty() ? ": " + *used_by : ""));
  }
  if (removed->is<NotFound>()) return nothing(rm_verb, address->to_string() + ": nothing of that name is there");
  return exit_done;
}

CommandRun define(const VerbOptions& options) {
  auto arguments = std::make_shared<RmArguments>();
  options.add_option("ADDRESS", arguments->addresses, "What to remove; System V objects by key or by id").required();
  options.add_flag(
      "--force", arguments->force,
      "Also what somebody uses; a socket that a process listens on stays all the same, and so do a topic, a "
      "newest value and a queue with somebody there");
  return [arguments](const TrailingWords&) -> Result<int> {
    Users users;
    int worst = exit_done;
    for (const std::string& address : arguments->addresses)
      worst = std::max(worst, remove_one(address, arguments->force, users));
    return worst;
  };
}

}  // namespace

const Verb rm_verb{"rm", "Remove objects that nobody uses, by address",
                   "  ginnel rm fifo:/tmp/x mq:/jobs    # goes on after a failure\n"
                   "  ginnel rm sysv-shm:0x51\n"
                   "  ginnel rm sysv-sem:id=7 --force   # though a process waits on it\n"
                   "  ginnel rm unix:/tmp/s             # only when no process listens there\n",
                   "", define};

}  // namespace ginnel::cli
