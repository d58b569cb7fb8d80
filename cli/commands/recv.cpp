#include <unistd.h>

#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include "endpoints/carrier.hpp"
#include "endpoints/memory.hpp"
#include "endpoints/message_text.hpp"
#include "endpoints/messages.hpp"
#include "endpoints/unopened.hpp"
#include "ginnel/sys/copy_from_shared.hpp"
#include "ginnel/sys/io.hpp"
#include "ginnel/sys/relay.hpp"
#include "options.hpp"
#include "verbs.hpp"

namespace ginnel::cli {
namespace {

constexpr std::uint64_t no_limit = std::numeric_limits<std::uint64_t>::max();

struct RecvArguments {
  std::string address;
  ServerOptions server;
  WaitOptions wait;
  std::uint64_t count = 1;
  long type = 0;
  bool follow = false;
  bool all = false;
  bool peek = false;
  bool lines = false;
  bool json = false;
  std::string offset = "0";
  std::string size;
  VerbOption count_given;
  VerbOption type_given;

  [[nodiscard]] bool about_messages() const {
    return count_given.count() + type_given.count() > 0 || follow || all || peek || lines || json;
  }
};

int timed_out(const Address& from) {
  return nothing(recv_verb, from.to_string() + ": nothing came within the time given");
}

Result<int> receive_bytes(const Address& from, const ListenOptions* listen, Deadline deadline) {
  auto opened = open_bytes(from, Direction::receive, Direction::receive, listen, deadline);
  if (!opened) return unopened(recv_verb, from, opened.error());
  if (opened->is<TimedOut>()) return timed_out(from);
  const int in = opened->as<ByteEnd>().in;
  auto received = relay(in, STDOUT_FILENO, {}, deadline);
  if (!received)
    return std::unexpected{with_names(received.error(), {{in, input_name(from)}, {STDOUT_FILENO, "standard output"}})};
  switch (received->end) {
    case RelayReport::End::timed_out:
      return nothing(recv_verb, from.to_string() + ": no end within the time given; " +
                                    std::to_string(received->bytes) + " bytes came");
    case RelayReport::End::peer_gone:  // of standard output: as quiet as every filter whose reader has seen enough
      return exit_nothing;
    default:
      return exit_done;
  }
}

std::string why_none_came(const Outcome<Message, EndOfStream, PeerGone, TimedOut>& received, bool peeked) {
  if (received.is<PeerGone>()) return "the queue was removed";
  if (received.is<EndOfStream>()) return "the sender ended, and no message came";
  return peeked ? "no message is there" : "nothing came within the time given";
}

Result<int> receive_messages(const Address& from, const RecvArguments& asked, const ListenOptions* listen,
                             Deadline deadline) {
  MessageDetails details;
  details.peek = asked.peek;
  if (asked.type_given.count() > 0) details.type = asked.type;
  auto opened = open_messages(from, Direction::receive, details, listen, deadline);
  if (!opened) return unopened(recv_verb, from, opened.error());
  if (opened->is<TimedOut>()) return timed_out(from);
  MessageEnd& end = *opened->as<std::unique_ptr<MessageEnd>>();

  const bool open_ended = asked.follow || asked.all || asked.count == 0;
  const std::uint64_t wanted = open_ended ? no_limit : asked.count;
  const MessageText text{
      asked.json ? MessageText::Form::json
                 : (asked.lines || ::isatty(STDOUT_FILENO) == 1 ? MessageText::Form::line : MessageText::Form::raw)};
  for (std::uint64_t count = 0; count < wanted; ++count) {
    auto received = end.receive(asked.all ? Deadline::immediately() : deadline);
    if (!received) return std::unexpected{received.error()};
    if (!received->is<Message>()) {
      if (open_ended && count > 0 && !received->is<PeerGone>()) return exit_done;
      std::string why = why_none_came(*received, asked.peek);
      if (count > 0 && !open_ended) why += " but the first " + std::to_string(count) + " of " + std::to_string(wanted);
      return nothing(recv_verb, from.to_string() + ": " + why);
    }
    auto written = write_all(STDOUT_FILENO, as_bytes(text.of(received->as<Message>())));
    if (!written) return std::unexpected{Error{written.error()}.with_object("standard output")};
    if (written->end == Transfer::End::peer_gone) return exit_nothing;
    if (auto told = end.delivered(); !told) return std::unexpected{told.error()};
  }
  return exit_done;
}

Result<int> receive_memory(const Address& from, std::uint64_t offset, std::uint64_t size) {
  auto memory = memory_to_read(from);
  if (!memory) return unopened(recv_verb, from, memory.error());
  const auto all = memory->bytes();
  if (offset > all.size())
    return std::unexpected{Error{EINVAL, "recv", from.to_string(),
                                 "--offset " + std::to_string(offset) + " lies behind its end: it has " +
                                     std::to_string(all.size()) + " bytes"}};
  auto rest = all.subspan(offset);
  if (size < rest.size()) rest = rest.first(size);
  std::vector<std::byte> piece(std::size_t{1} << 20);
  while (!rest.empty()) {
    auto copied = copy_from_shared(rest.first(std::min(rest.size(), piece.size())), piece);
    if (!copied) return std::unexpected{copied.error()};
    if (*copied == 0) return nothing(recv_verb, from.to_string() + ": it was made shorter meanwhile");
    auto written = write_all(STDOUT_FILENO, std::span{piece}.first(*copied));
    if (!written) return std::unexpected{Error{written.error()}.with_object("standard output")};
    if (written->end == Transfer::End::peer_gone) return exit_nothing;
    rest = rest.subspan(*copied);
  }
  return exit_done;
}

Result<void> check(const RecvArguments& asked, const Address& from, Carrier carrier) {
  const auto refused = [&](std::string_view hint) { return std::unexpected{usage_error(from.to_string(), hint)}; };
  if (carrier != Carrier::messages && asked.about_messages())
    return refused(
        "--count, --follow, --all, --peek, --type, --lines and --json are for messages: mq, sysv-msg, unix-seq, "
        "unix-dgram, topic, latest, queue, channel");
  if (asked.server.listens() && !can_be_listened_at(from)) return refused("--listen is for Unix sockets and channels");
  if (asked.follow && (asked.all || asked.count_given.count() > 0))
    return refused("--follow goes on for ever: give it without --count and --all");
  return {};
}

Result<int> run_recv(const RecvArguments& asked) {
  auto from = Address::parse(asked.address);
  if (!from) return std::unexpected{from.error()};
  auto deadline = asked.wait.deadline();
  if (!deadline) return std::unexpected{deadline.error()};
  const Carrier carrier = carrier_of(from->kind);
  if (auto fits = check(asked, *from, carrier); !fits) return std::unexpected{fits.error()};
  auto options = asked.server.listen_options();
  if (!options) return std::unexpected{options.error()};
  const bool binds = asked.server.listens() || from->kind == AddressKind::unix_datagram;
  const ListenOptions* listen = binds ? &*options : nullptr;

  switch (carrier) {
    case Carrier::bytes:
      return receive_bytes(*from, listen, *deadline);
    case Carrier::messages:
      return receive_messages(*from, asked, listen, *deadline);
    case Carrier::memory: {
      auto offset = Bytes::parse(asked.offset);
      if (!offset) return std::unexpected{offset.error()};
      auto size = asked.size.empty() ? Result<Bytes>{Bytes{no_limit}} : Bytes::parse(asked.size);
      if (!size) return std::unexpected{size.error()};
      return receive_memory(*from, offset->count(), size->count());
    }
    case Carrier::none:
      break;
  }
  return std::unexpected{carries_nothing(*from)};
}

CommandRun define_recv(const VerbOptions& options) {
  auto asked = std::make_shared<RecvArguments>();
  options.add_option("ADDRESS", asked->address, "Where from").required();
  asked->server.add_to(options,
                       "unix, unix-seq, channel: bind, let one peer in and receive from it; unix-dgram always binds");
  asked->count_given =
      options.add_option("--count", asked->count, "This many messages (default 1); 0: without end").type_name("N");
  options.add_flag("--follow", asked->follow, "Messages without end, until the sender ends or --timeout passes");
  options.add_flag("--all", asked->all, "The messages that are there now; end with 1 when there are none");
  options.add_flag("--peek", asked->peek, "sysv-msg: leave the messages where they are");
  asked->type_given =
      options.add_option("--type", asked->type, "sysv-msg: the first of this type; -N: of the lowest type up to N")
          .type_name("N");
  options.add_flag("--lines", asked->lines, "A newline after each message (on a terminal there is one anyway)");
  options.add_flag("--json", asked->json,
                   "Each message as one line of JSON: bytes, data (or base64), priority, type, deliveries");
  options.add_option("--offset", asked->offset, "shm, sysv-shm, memfd: from here on").type_name("SIZE");
  options.add_option("--size", asked->size, "shm, sysv-shm, memfd: so many bytes").type_name("SIZE");
  asked->wait.add_to(options);
  return [asked](const TrailingWords&) { return run_recv(*asked); };
}

}  // namespace

const Verb recv_verb{"recv", "Receive from an address and print what comes",
                     "  ginnel recv fifo:/tmp/x\n"
                     "  ginnel recv --listen unix:/tmp/s --mode 660 --allow-gid adm\n"
                     "  ginnel recv --listen unix:/tmp/s & echo hi | nc -N -U /tmp/s\n"
                     "  ginnel recv mq:/jobs --nonblock\n"
                     "  ginnel recv sysv-msg:0x51 --all --peek --json\n"
                     "  ginnel recv unix-dgram:/tmp/d --follow --lines\n"
                     "  ginnel recv topic:robot/log --follow --lines\n"
                     "  ginnel recv latest:robot/state\n"
                     "  ginnel recv queue:jobs --follow --json\n"
                     "  ginnel recv --listen channel:/run/plan --follow --lines\n"
                     "  ginnel recv shm:/board --offset 4K --size 80\n"
                     "\n"
                     "fifo, unix, fd: and - are printed byte for byte up to their end. Of mq,\n"
                     "sysv-msg, unix-seq, unix-dgram, topic, latest, queue and channel one message is\n"
                     "taken; from a queue for good only once it is written out: killed before that,\n"
                     "the next one gets it. Memory is printed as it is. What comes over a socket is\n"
                     "printed at once, and the end is the sender's: Debian's nc has none at the end\n"
                     "of its input, unless told by -N.\n",
                     "", define_recv};

}  // namespace ginnel::cli
