#include <fcntl.h>
#include <unistd.h>

#include <memory>
#include <optional>
#include <vector>

#include "endpoints/capacity_option.hpp"
#include "endpoints/carrier.hpp"
#include "endpoints/line_reader.hpp"
#include "endpoints/memory.hpp"
#include "endpoints/messages.hpp"
#include "endpoints/unopened.hpp"
#include "ginnel/sys/copy_from_shared.hpp"
#include "ginnel/sys/io.hpp"
#include "ginnel/sys/relay.hpp"
#include "options.hpp"
#include "verbs.hpp"

namespace ginnel::cli {
namespace {

struct SendArguments {
  std::string address;
  std::string data;
  std::string file;
  std::string offset = "0";
  unsigned priority = 0;
  long type = 0;
  CapacityOption capacity;
  bool lines = false;
  WaitOptions wait;
  VerbOption data_given;
  VerbOption priority_given;
  VerbOption type_given;

  [[nodiscard]] bool about_messages() const {
    return lines || capacity.is_given() || priority_given.count() + type_given.count() > 0;
  }
};

/// Where the data comes from: a word of the command line, or a descriptor.
struct Source {
  std::optional<std::string> word;
  UniqueFd file;
  int fd = STDIN_FILENO;
  std::string name = "standard input";
};

int timed_out(const Address& to) {
  return nothing(send_verb, to.to_string() + ": no reader, or no room, within the time given");
}
int peer_gone(const Address& to) { return nothing(send_verb, to.to_string() + ": the receiver has gone"); }

/// --nonblock is about the receiver: what a pipeline has not written yet is waited for.
Deadline input_deadline(Deadline deadline) { return deadline.is_immediate() ? Deadline::never() : deadline; }

/// relay(), except that with Deadline::immediately() it waits for input, and for room in the output not at all.
Result<RelayReport> relay_from(const Source& source, int out, Deadline deadline) {
  if (!deadline.is_immediate()) return relay(source.fd, out, {}, deadline);
  for (;;) {
    auto input = wait_ready(source.fd, Interest::readable, Deadline::never());
    if (!input) return std::unexpected{input.error()};
    auto report = relay(source.fd, out, {}, deadline);
    if (!report || report->end != RelayReport::End::timed_out || report->undelivered > 0) return report;
    auto room = wait_ready(out, Interest::writable, deadline);
    if (!room) return std::unexpected{room.error()};
    if (room->is<TimedOut>()) return report;
  }
}

Result<int> send_bytes(const Address& to, const Source& source, Deadline deadline) {
  auto opened = open_bytes(to, Direction::send, Direction::send, nullptr, deadline);
  if (!opened) return unopened(send_verb, to, opened.error());
  if (opened->is<TimedOut>()) return timed_out(to);
  const int out = opened->as<ByteEnd>().out;
  if (source.word) {
    auto written = write_all(out, as_bytes(*source.word), deadline);
    if (!written) return std::unexpected{Error{written.error()}.with_object(to.to_string())};
    if (written->end == Transfer::End::timed_out) return timed_out(to);
    return written->end == Transfer::End::peer_gone ? peer_gone(to) : exit_done;
  }
  auto sent = relay_from(source, out, deadline);
  if (!sent) return std::unexpected{with_names(sent.error(), {{source.fd, source.name}, {out, output_name(to)}})};
  if (sent->end == RelayReport::End::timed_out) return timed_out(to);
  return sent->end == RelayReport::End::peer_gone ? peer_gone(to) : exit_done;
}

Result<std::optional<int>> send_one(MessageEnd& end, const Address& to, std::span<const std::byte> message,
                                    Deadline deadline) {
  auto sent = end.send(message, deadline);
  if (!sent) return std::unexpected{sent.error()};
  if (sent->is<TimedOut>()) return timed_out(to);
  if (sent->is<PeerGone>()) return peer_gone(to);
  return std::nullopt;
}

Result<int> send_messages(const Address& to, const Source& source, const MessageDetails& details, bool lines,
                          Deadline deadline) {
  auto opened = open_messages(to, Direction::send, details, nullptr, deadline);
  if (!opened) return unopened(send_verb, to, opened.error());
  if (opened->is<TimedOut>()) return timed_out(to);
  MessageEnd& end = *opened->as<std::unique_ptr<MessageEnd>>();
  if (source.word) {
    auto stopped = send_one(end, to, as_bytes(*source.word), deadline);
    if (!stopped) return std::unexpected{stopped.error()};
    return stopped->value_or(exit_done);
  }

  LineReader reader{source.fd, end.longest(), lines ? LineReader::Unit::line : LineReader::Unit::whole_stream,
                    to.to_string()};
  for (;;) {
    auto line = reader.next(input_deadline(deadline));
    if (!line) return std::unexpected{with_names(line.error(), {{source.fd, source.name}})};
    if (line->is<EndOfStream>()) return exit_done;
    if (line->is<TimedOut>()) return timed_out(to);
    auto stopped = send_one(end, to, line->as<std::vector<std::byte>>(), deadline);
    if (!stopped) return std::unexpected{stopped.error()};
    if (*stopped) return **stopped;
  }
}

Result<int> send_to_memory(const Address& to, const Source& source, std::uint64_t offset, Deadline deadline) {
  auto memory = memory_to_write(to);
  if (!memory) return unopened(send_verb, to, memory.error());
  const std::uint64_t size = memory->bytes().size();
  const auto too_much = [&](const std::string& data) {
    return std::unexpected{Error{EFBIG, "send", to.to_string(),
                                 data + " at offset " + std::to_string(offset) + " do not fit into its " +
                                     std::to_string(size) + " bytes; nothing was written"}};
  };
  if (offset > size) return too_much("0 bytes");
  const auto room = memory->bytes().subspan(offset);
  std::vector<std::byte> read;
  std::span<const std::byte> data;
  if (source.word) {
    data = as_bytes(*source.word);
    if (data.size() > room.size()) return too_much(std::to_string(data.size()) + " bytes");
  } else {
    read.resize(room.size() + 1);
    auto got = read_all(source.fd, read, input_deadline(deadline));
    if (!got) return std::unexpected{with_names(got.error(), {{source.fd, source.name}})};
    if (got->end == Transfer::End::timed_out) return timed_out(to);
    if (got->bytes > room.size()) return too_much("over " + std::to_string(room.size()) + " bytes");
    data = std::span{read}.first(got->bytes);
  }
  auto copied = copy_to_shared(data, room);
  if (!copied) return std::unexpected{copied.error()};
  if (*copied < data.size())
    return nothing(send_verb, to.to_string() + ": it was made shorter meanwhile; " + std::to_string(*copied) + " of " +
                                  std::to_string(data.size()) + " bytes were written");
  return exit_done;
}

Result<Source> source_of(const SendArguments& asked, const TrailingWords& trailing) {
  Source source;
  if (asked.data_given.count() > 0) source.word = asked.data;
  if (trailing.size() == 1 && !source.word) {
    source.word = trailing.front();
  } else if (!trailing.empty()) {
    return std::unexpected{usage_error("DATA", "one message is one word: put it into quotes")};
  }
  if (asked.file.empty()) return source;
  if (source.word) return std::unexpected{usage_error("--file", "give DATA or --file, not both")};
  source.file = UniqueFd{::open(asked.file.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!source.file.valid()) return std::unexpected{Error::last("open", asked.file)};
  source.fd = source.file.get();
  source.name = asked.file;
  return source;
}

Result<int> run_send(const SendArguments& asked, const TrailingWords& trailing) {
  auto to = Address::parse(asked.address);
  if (!to) return std::unexpected{to.error()};
  auto deadline = asked.wait.deadline();
  if (!deadline) return std::unexpected{deadline.error()};
  auto source = source_of(asked, trailing);
  if (!source) return std::unexpected{source.error()};
  auto offset = Bytes::parse(asked.offset);
  if (!offset) return std::unexpected{offset.error()};

  const Carrier carrier = carrier_of(to->kind);
  if (carrier != Carrier::messages && asked.about_messages())
    return std::unexpected{usage_error(to->to_string(),
                                       "--lines, --priority, --type and --capacity are for messages: mq, sysv-msg, "
                                       "unix-seq, unix-dgram, topic, latest, "
                                       "queue, channel")};
  switch (carrier) {
    case Carrier::bytes:
      return send_bytes(*to, *source, *deadline);
    case Carrier::messages: {
      MessageDetails details;
      if (asked.priority_given.count() > 0) details.priority = asked.priority;
      if (asked.type_given.count() > 0) details.type = asked.type;
      auto capacity = asked.capacity.value();
      if (!capacity) return std::unexpected{capacity.error()};
      details.capacity = *capacity;
      return send_messages(*to, *source, details, asked.lines, *deadline);
    }
    case Carrier::memory:
      return send_to_memory(*to, *source, offset->count(), *deadline);
    case Carrier::none:
      break;
  }
  return std::unexpected{carries_nothing(*to)};
}

CommandRun define_send(const VerbOptions& options) {
  auto asked = std::make_shared<SendArguments>();
  options.add_option("ADDRESS", asked->address, "Where to").required();
  asked->data_given =
      options.add_option("DATA", asked->data,
                         "One message, as it stands; without it standard input is sent (after -- it may begin with -)");
  options.add_option("--file", asked->file, "Send this file instead of standard input").type_name("FILE");
  options.add_flag("--lines", asked->lines, "Each line of the input is one message; without it the whole input is one");
  asked->priority_given =
      options.add_option("--priority", asked->priority, "mq: 0 to 32767, queue: 0 to 63; the highest is received first")
          .type_name("N");
  asked->type_given =
      options.add_option("--type", asked->type, "sysv-msg: a number from 1 that receivers choose by (default 1)")
          .type_name("N");
  asked->capacity.add_to(options);
  options.add_option("--offset", asked->offset, "shm, sysv-shm, memfd: write from here on").type_name("SIZE");
  asked->wait.add_to(options);
  return [asked](const TrailingWords& trailing) { return run_send(*asked, trailing); };
}

}  // namespace

const Verb send_verb{"send", "Send standard input, or one message, to an address",
                     "  echo payload | ginnel send fifo:/tmp/x\n"
                     "  ginnel send mq:/jobs --priority 7 'urgent'\n"
                     "  seq 3 | ginnel send sysv-msg:0x51 --lines --type 2\n"
                     "  ginnel send unix:/tmp/s --timeout 5s < file  # 5 s for it to listen\n"
                     "  seq 3 | ginnel send topic:robot/log --lines  # once somebody reads it\n"
                     "  ginnel send latest:robot/state 'charging'  # stays until the next\n"
                     "  ginnel send queue:jobs --priority 3 'urgent'\n"
                     "  ginnel send channel:/run/plan 'go'  # once its listener has answered\n"
                     "  ginnel send shm:/board --offset 4K < page\n"
                     "\n"
                     "fifo, unix, fd: and - take a stream of bytes of any length; mq, sysv-msg,\n"
                     "unix-seq, unix-dgram, topic, latest, queue and channel take messages. A socket\n"
                     "that is not there yet is waited for: for one second, for as long as --timeout\n"
                     "says, or not at all with --nonblock. Standard input is waited for also then.\n",
                     "[-- DATA]", define_send};

}  // namespace ginnel::cli
