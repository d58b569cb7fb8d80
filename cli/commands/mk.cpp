#include <cstdio>
#include <memory>

#include "endpoints/objects.hpp"
#include "options.hpp"
#include "render/output.hpp"
#include "verbs.hpp"

namespace ginnel::cli {
namespace {

struct MkArguments {
  std::string address;
  ModeOption mode;
  long messages = 0;
  std::string size;
  unsigned priorities = 1;
  unsigned count = 0;
  std::string huge;
  bool json = false;
  VerbOption messages_given;
  VerbOption priorities_given;
  VerbOption count_given;
};

Result<MakeRequest> request_of(const MkArguments& asked) {
  MakeRequest request;
  if (asked.mode.is_given()) {
    auto mode = asked.mode.value(0);
    if (!mode) return std::unexpected{mode.error()};
    request.mode = *mode;
  }
  if (asked.messages_given.count() > 0) request.messages = asked.messages;
  if (asked.priorities_given.count() > 0) request.priorities = asked.priorities;
  if (asked.count_given.count() > 0) request.count = asked.count;
  if (!asked.size.empty()) {
    auto size = Bytes::parse(asked.size);
    if (!size) return std::unexpected{size.error()};
    request.size = *size;
  }
  if (!asked.huge.empty()) {
    if (asked.huge != "2M" && asked.huge != "1G")
      return std::unexpected{usage_error("--huge " + asked.huge, "huge pages are of 2M or of 1G")};
    request.huge = asked.huge == "2M" ? HugePages::mib2 : HugePages::gib1;
  }
  return request;
}

void print(const Made& made, bool json) {
  if (json) {
    Json facts{{"address", made.address.to_string()}};
    if (made.id) facts["id"] = *made.id;
    facts.update(made.facts);
    put_text(to_text(facts));
    return;
  }
  put("{}{}\n", made.address.to_string(),
      made.id ? fmt::format("  {}:id={}", scheme(made.address.kind), *made.id) : "");
}

CommandRun define_mk(const VerbOptions& options) {
  auto asked = std::make_shared<MkArguments>();
  options.add_option("ADDRESS", asked->address, "fifo, mq, sysv-msg, shm, sysv-shm, sem, sysv-sem or queue").required();
  asked->mode.add_to(options);
  asked->messages_given =
      options.add_option("--messages", asked->messages, "mq, queue: how many it holds (default 10, 1024)")
          .type_name("N");
  asked->priorities_given =
      options.add_option("--priorities", asked->priorities, "queue: numbered from 0, at most 64 (default 1)")
          .type_name("N");
  options
      .add_option("--size", asked->size,
                  "mq, queue: of the longest message (default 8K, 1K); shm, sysv-shm: of the memory")
      .type_name("SIZE");
  asked->count_given = options.add_option("--count", asked->count, "sem, sysv-sem: what it starts with").type_name("N");
  options.add_option("--huge", asked->huge, "sysv-shm: in huge pages, 2M or 1G").type_name("SIZE");
  add_json_flag(options, asked->json);

  return [asked](const TrailingWords&) -> Result<int> {
    auto address = Address::parse(asked->address);
    if (!address) return std::unexpected{address.error()};
    auto request = request_of(*asked);
    if (!request) return std::unexpected{request.error()};
    auto made = make_object(*address, *request);
    if (!made) return std::unexpected{made.error()};
    print(*made, asked->json);
    return exit_done;
  };
}

}  // namespace

const Verb mk_verb{"mk", "Make a FIFO, queue, shared memory or semaphore; never takes one that is there",
                   "  ginnel mk fifo:/tmp/x\n"
                   "  ginnel mk mq:/jobs --messages 10 --size 256\n"
                   "  ginnel mk shm:/board --size 64K --mode 640\n"
                   "  ginnel mk sysv-shm:0x51 --size 1M\n"
                   "  ginnel mk sysv-sem:0x52 --count 1\n"
                   "  ginnel mk sem:/gate --count 3 --json\n"
                   "  ginnel mk queue:jobs --messages 100 --size 4K --priorities 8\n",
                   "", define_mk};

}  // namespace ginnel::cli
