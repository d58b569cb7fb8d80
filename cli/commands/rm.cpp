#include <algorithm>
#include <cstdio>
#include <memory>

#include "endpoints/objects.hpp"
#include "verbs.hpp"

namespace ginnel::cli {
namespace {

int complain(const Error& error) {
  std::fprintf(stderr, "ginnel rm: %s\n", error.message().c_str());
  return exit_refused;
}

int remove_one(const std::string& text) {
  auto address = Address::parse(text);
  if (!address) return complain(address.error());
  auto removed = remove_object(*address);
  if (!removed) return complain(removed.error());
  if (removed->is<NotFound>()) return nothing(rm_verb, address->to_string() + ": nothing of that name is there");
  return exit_done;
}

CommandRun define(CLI::App& app) {
  auto addresses = std::make_shared<std::vector<std::string>>();
  app.add_option("ADDRESS", *addresses, "What to remove; System V objects by key or by id")->required();
  return [addresses](const TrailingWords&) -> Result<int> {
    int worst = exit_done;
    for (const std::string& address : *addresses) worst = std::max(worst, remove_one(address));
    return worst;
  };
}

}  // namespace

const Verb rm_verb{"rm", "Remove objects by address; goes on after a failure",
                   "  ginnel rm fifo:/tmp/x mq:/jobs\n"
                   "  ginnel rm sysv-shm:0x51\n"
                   "  ginnel rm sysv-sem:id=7\n"
                   "  ginnel rm unix:/tmp/s            # only when no process listens there any more\n",
                   false, define};

}  // namespace ginnel::cli
