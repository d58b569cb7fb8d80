#include <cstdio>
#include <memory>

#include "endpoints/objects.hpp"
#include "options.hpp"
#include "verbs.hpp"

namespace ginnel::cli {
namespace {

struct Asked {
  std::string address;
  ModeOption mode;
  long messages = 0;
  std::string size;
  unsigned count = 0;
  std::string huge;
  bool json = false;
  CLI::Option* messages_given = nullptr;
  CLI::Option* count_given = nullptr;
};

Result<MakeRequest> request_of(const Asked& asked) {
  MakeRequest request;
  auto mode = asked.mode.value(request.mode);
  if (!mode) return std::unexpected{mode.error()};
  request.mode = *mode;
  if (asked.messages_given->count() > 0) request.messages = asked.messages;
  if (asked.count_given->count() > 0) request.count = asked.count;
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
    std::fputs(to_text(facts).c_str(), stdout);
    return;
  }
  std::fputs(made.address.to_string().c_str(), stdout);
  if (made.id)
    std::printf("  %.*s:id=%d", static_cast<int>(scheme(made.address.kind).size()), scheme(made.address.kind).data(),
                *made.id);
  std::fputs("\n", stdout);
}

CommandRun define(CLI::App& app) {
  auto asked = std::make_shared<Asked>();
  app.add_option("ADDRESS", asked->address, "fifo, mq, sysv-msg, shm, sysv-shm, sem or sysv-sem")->required();
  asked->mode.add_to(app);
  asked->messages_given =
      app.add_option("--messages", asked->messages, "mq: how many it holds (default 10)")->type_name("N");
  app.add_option("--size", asked->size, "mq: of the longest message (default 8K); shm, sysv-shm: of the memory")
      ->type_name("SIZE");
  asked->count_given = app.add_option("--count", asked->count, "sem, sysv-sem: what it starts with")->type_name("N");
  app.add_option("--huge", asked->huge, "sysv-shm: in huge pages, 2M or 1G")->type_name("SIZE");
  add_json_flag(app, asked->json);

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
                   "  ginnel mk sem:/gate --count 3 --json\n",
                   false, define};

}  // namespace ginnel::cli
