#include <unistd.h>

#include <memory>

#include "ginnel/core/address.hpp"
#include "ginnel/inventory.hpp"
#include "inventory/asked_process.hpp"
#include "inventory/columns.hpp"
#include "inventory/coverage_text.hpp"
#include "inventory/find_object.hpp"
#include "inventory/object_json.hpp"
#include "inventory/object_text.hpp"
#include "options.hpp"
#include "render/output.hpp"
#include "verbs.hpp"

// `ginnel show`: everything known about one object, and what would disturb it.

namespace ginnel::cli {
namespace {

struct ShowArguments {
  std::string what;
  bool json = false;
};

std::string why_none(const inventory::Snapshot& snapshot, const std::string& what) {
  const auto address = Address::parse(what);
  if (!address || address->kind != AddressKind::process)
    return what + ": there is no such object, or it may not be seen";
  return why_nothing_of(snapshot, address->pid).value_or(what + ": it has no IPC object");
}

Result<int> run_show(const ShowArguments& arguments) {
  const auto snapshot = inventory::scan();
  if (!snapshot) return std::unexpected{snapshot.error()};
  const auto objects = find_objects(*snapshot, arguments.what);
  if (!objects) return std::unexpected{objects.error()};
  if (objects->empty()) return nothing(show_verb, why_none(*snapshot, arguments.what));
  const inventory::Judge judge{*snapshot};
  if (arguments.json) {
    put_document(judge, *objects);
    return exit_done;
  }
  const Screen screen = Screen::of(STDOUT_FILENO);
  bool first = true;
  for (const inventory::Object* object : *objects) {
    put("{}{}", first ? "" : "\n", object_text(judge, *object, screen));
    first = false;
  }
  note_text(coverage_text(snapshot->coverage));
  return exit_done;
}

CommandRun define_show(const VerbOptions& options) {
  auto arguments = std::make_shared<ShowArguments>();
  options
      .add_option("ADDRESS", arguments->what,
                  "An address, pid:1234 for all of a process, or a uid as 'ls -o uid' shows it")
      .required();
  add_json_flag(options, arguments->json);
  return [arguments](const TrailingWords&) { return run_show(*arguments); };
}

}  // namespace

const Verb show_verb{"show", "Show everything known about one object",
                     "  ginnel show mq:/jobs\n"
                     "  ginnel show sysv-shm:id=7 --json\n"
                     "  ginnel show unix:/run/app.sock\n"
                     "  ginnel show pid:1234\n",
                     "", define_show};

}  // namespace ginnel::cli
