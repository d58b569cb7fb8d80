#include <sys/ioctl.h>
#include <unistd.h>

#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "endpoints/capacity_option.hpp"
#include "endpoints/carrier.hpp"
#include "endpoints/line_reader.hpp"
#include "endpoints/messages.hpp"
#include "endpoints/unopened.hpp"
#include "ginnel/sys/io.hpp"
#include "ginnel/sys/relay.hpp"
#include "options.hpp"
#include "verbs.hpp"

namespace ginnel::cli {
namespace {

struct RelayArguments {
  std::string from;
  std::string to;
  ServerOptions server;
  WaitOptions wait;
  bool one_way = false;
  bool lines = false;
  CapacityOption capacity;
};

int timed_out(const Address& from, const Address& to) {
  return nothing(relay_verb, from.to_string() + " to " + to.to_string() + ": not ended within the time given");
}

int gone(const Address& receiver) {
  return nothing(relay_verb, receiver.to_string() + ": the receiver has gone before all was delivered");
}

/// A side that has said and heard all simply goes, which cuts the other direction short only if something was still to be
/// delivered.
bool was_cut_short(const RelayReport& report, int input) {
  if (report.end != RelayReport::End::peer_gone) return false;
  int waiting = 0;
  return report.undelivered > 0 || (::ioctl(input, FIONREAD, &waiting) == 0 && waiting > 0);
}

/// How one direction ended, as exit code: nothing is lost when the input came to its end.
int code_of(const RelayReport& report, const Address& from, const Address& to) {
  if (report.end == RelayReport::End::timed_out) return timed_out(from, to);
  if (report.end == RelayReport::End::peer_gone) return gone(to);
  return exit_done;
}

Result<int> relay_bytes(const Address& from, const Address& to, bool one_way, const ListenOptions* listen,
                        Deadline deadline) {
  auto left = open_bytes(from, Direction::both, Direction::receive, listen, deadline);
  if (!left) return unopened(relay_verb, from, left.error());
  if (left->is<TimedOut>()) return timed_out(from, to);
  auto right = open_bytes(to, Direction::both, Direction::send, nullptr, deadline);
  if (!right) return unopened(relay_verb, to, right.error());
  if (right->is<TimedOut>()) return timed_out(from, to);
  const ByteEnd& a = left->as<ByteEnd>();
  const ByteEnd& b = right->as<ByteEnd>();
  if (a.in < 0 || b.out < 0)
    return std::unexpected{usage_error(a.in < 0 ? from.to_string() : to.to_string(),
                                       a.in < 0 ? "it cannot be read: the first address is where bytes come from"
                                                : "it cannot be written: the second address is where bytes go")};

  const std::initializer_list<NamedDescriptor> names{
      {a.in, input_name(from)}, {b.out, output_name(to)}, {b.in, input_name(to)}, {a.out, output_name(from)}};
  if (one_way || a.out < 0 || b.in < 0) {
    auto report = relay(a.in, b.out, {}, deadline);
    if (!report) return std::unexpected{with_names(report.error(), names)};
    return code_of(*report, from, to);
  }
  auto both = relay_both_ways({.a_in = a.in, .a_out = a.out, .b_in = b.in, .b_out = b.out}, deadline);
  if (!both) return std::unexpected{with_names(both.error(), names)};
  if (both->a_to_b.end == RelayReport::End::timed_out || both->b_to_a.end == RelayReport::End::timed_out)
    return timed_out(from, to);
  if (was_cut_short(both->a_to_b, a.in)) return gone(to);
  if (was_cut_short(both->b_to_a, b.in)) return gone(from);
  return exit_done;
}

using Ends = Result<Outcome<Done, PeerGone, TimedOut>>;

Ends carry_messages(MessageEnd& from, MessageEnd& to, Deadline deadline) {
  for (;;) {
    auto received = from.receive(deadline);
    if (!received) return std::unexpected{received.error()};
    if (received->is<TimedOut>()) return TimedOut{};
    if (!received->is<Message>()) {
      to.finish_sending();
      return Done{};
    }
    auto sent = to.send(received->as<Message>().data, deadline);
    if (!sent || !sent->is<Done>()) return sent;
    if (auto told = from.delivered(); !told) return std::unexpected{told.error()};
  }
}

Result<int> code_of(const Ends& ended, const Address& from, const Address& to) {
  if (!ended) return std::unexpected{ended.error()};
  if (ended->is<TimedOut>()) return timed_out(from, to);
  return ended->is<PeerGone>() ? gone(to) : exit_done;
}

/// Of what is sent there.
MessageDetails details_of(const Address& address, std::optional<Bytes> capacity) {
  MessageDetails details;
  if (sends_by_ring(address.kind)) details.capacity = capacity;
  return details;
}

Result<int> relay_messages(const Address& from, const Address& to, bool one_way, std::optional<Bytes> capacity,
                           const ListenOptions* listen, Deadline deadline) {
  auto left = one_way ? open_messages(from, Direction::receive, {}, listen, deadline)
                      : open_messages(from, Direction::both, details_of(from, capacity), listen, deadline);
  if (!left) return unopened(relay_verb, from, left.error());
  if (left->is<TimedOut>()) return timed_out(from, to);
  auto right = open_messages(to, Direction::send, details_of(to, capacity), nullptr, deadline);
  if (!right) return unopened(relay_verb, to, right.error());
  if (right->is<TimedOut>()) return timed_out(from, to);
  MessageEnd& a = *left->as<std::unique_ptr<MessageEnd>>();
  MessageEnd& b = *right->as<std::unique_ptr<MessageEnd>>();

  std::optional<Ends> back;
  std::optional<std::jthread> backwards;
  if (!one_way && a.two_way() && b.two_way()) backwards.emplace([&] { back.emplace(carry_messages(b, a, deadline)); });
  const Ends there = carry_messages(a, b, deadline);
  if (backwards) backwards->join();
  auto code = code_of(there, from, to);
  if (!code || *code != exit_done || !back) return code;
  return code_of(*back, to, from);
}

/// Messages into a stream: their bytes one after the other, with --lines a newline after each.
Result<int> relay_to_stream(const Address& from, const Address& to, bool lines, const ListenOptions* listen,
                            Deadline deadline) {
  auto left = open_messages(from, Direction::receive, {}, listen, deadline);
  if (!left) return unopened(relay_verb, from, left.error());
  if (left->is<TimedOut>()) return timed_out(from, to);
  auto right = open_bytes(to, Direction::send, Direction::send, nullptr, deadline);
  if (!right) return unopened(relay_verb, to, right.error());
  if (right->is<TimedOut>()) return timed_out(from, to);
  for (;;) {
    auto received = left->as<std::unique_ptr<MessageEnd>>()->receive(deadline);
    if (!received) return std::unexpected{received.error()};
    if (received->is<TimedOut>()) return timed_out(from, to);
    if (!received->is<Message>()) return exit_done;
    auto& data = received->as<Message>().data;
    if (lines) data.push_back(std::byte{'\n'});
    const int out = right->as<ByteEnd>().out;
    auto written = write_all(out, data, deadline);
    if (!written) return std::unexpected{with_names(written.error(), {{out, output_name(to)}})};
    if (written->end == Transfer::End::timed_out) return timed_out(from, to);
    if (written->end == Transfer::End::peer_gone) return gone(to);
    if (auto told = left->as<std::unique_ptr<MessageEnd>>()->delivered(); !told) return std::unexpected{told.error()};
  }
}

/// A stream into messages: only by lines, since nothing else in it says where a message ends.
Result<int> relay_from_stream(const Address& from, const Address& to, bool lines, std::optional<Bytes> capacity,
                              const ListenOptions* listen, Deadline deadline) {
  if (!lines)
    return std::unexpected{usage_error(from.to_string() + " to " + to.to_string(),
                                       "a stream of bytes has no messages: --lines makes one of each line")};
  auto left = open_bytes(from, Direction::receive, Direction::receive, listen, deadline);
  if (!left) return unopened(relay_verb, from, left.error());
  if (left->is<TimedOut>()) return timed_out(from, to);
  auto right = open_messages(to, Direction::send, details_of(to, capacity), nullptr, deadline);
  if (!right) return unopened(relay_verb, to, right.error());
  if (right->is<TimedOut>()) return timed_out(from, to);
  MessageEnd& end = *right->as<std::unique_ptr<MessageEnd>>();
  const int in = left->as<ByteEnd>().in;
  LineReader reader{in, end.longest(), LineReader::Unit::line, to.to_string()};
  for (;;) {
    auto line = reader.next(deadline);
    if (!line) return std::unexpected{with_names(line.error(), {{in, input_name(from)}})};
    if (line->is<EndOfStream>()) return exit_done;
    if (line->is<TimedOut>()) return timed_out(from, to);
    auto sent = end.send(line->as<std::vector<std::byte>>(), deadline);
    if (!sent || !sent->is<Done>()) return code_of(sent, from, to);
  }
}

Result<int> run_relay(const RelayArguments& asked) {
  auto from = Address::parse(asked.from);
  if (!from) return std::unexpected{from.error()};
  auto to = Address::parse(asked.to);
  if (!to) return std::unexpected{to.error()};
  auto deadline = asked.wait.deadline();
  if (!deadline) return std::unexpected{deadline.error()};
  auto options = asked.server.listen_options();
  if (!options) return std::unexpected{options.error()};
  if (asked.server.listens() && !can_be_listened_at(*from))
    return std::unexpected{
        usage_error(from->to_string(), "--listen is for the first address, a Unix socket or a channel")};
  const ListenOptions* listen = asked.server.listens() ? &*options : nullptr;

  for (const Address& address : {*from, *to}) {
    const Carrier carrier = carrier_of(address.kind);
    if (carrier == Carrier::none) return std::unexpected{carries_nothing(address)};
    if (carrier == Carrier::memory)
      return std::unexpected{usage_error(address.to_string(), "memory has no end to relay to: use send and recv")};
  }
  const auto capacity = asked.capacity.value();
  if (!capacity) return std::unexpected{capacity.error()};
  if (*capacity && !sends_by_ring(from->kind) && !sends_by_ring(to->kind))
    return std::unexpected{usage_error("--capacity", "it is for topic and channel")};
  const bool messages_in = carrier_of(from->kind) == Carrier::messages;
  const bool messages_out = carrier_of(to->kind) == Carrier::messages;
  if (messages_in == messages_out && asked.lines)
    return std::unexpected{usage_error("--lines", "it is for a stream on one side and messages on the other")};
  if (messages_in && messages_out) return relay_messages(*from, *to, asked.one_way, *capacity, listen, *deadline);
  if (messages_in) return relay_to_stream(*from, *to, asked.lines, listen, *deadline);
  if (messages_out) return relay_from_stream(*from, *to, asked.lines, *capacity, listen, *deadline);
  return relay_bytes(*from, *to, asked.one_way, listen, *deadline);
}

CommandRun define_relay(const VerbOptions& options) {
  auto asked = std::make_shared<RelayArguments>();
  options
      .add_option("FROM", asked->from,
                  "fifo, unix, fd:, -, mq, sysv-msg, unix-seq, unix-dgram, topic, latest, queue or channel")
      .required();
  options.add_option("TO", asked->to, "The same kinds").required();
  asked->server.add_to(options, "FROM is a Unix socket or channel that is bound, and lets one peer in");
  options.add_flag("--one-way", asked->one_way, "From FROM to TO only, also where both are two-way");
  options.add_flag("--lines", asked->lines, "Between a stream and messages: each line is one message");
  asked->capacity.add_to(options);
  asked->wait.add_to(options);
  return [asked](const TrailingWords&) { return run_relay(*asked); };
}

}  // namespace

const Verb relay_verb{"relay", "Carry data between two addresses, both ways where both are two-way",
                      "  ginnel relay unix:/tmp/s -                     # talk to a server\n"
                      "  ginnel relay --listen unix:/tmp/s unix:/tmp/t  # stand between two\n"
                      "  ginnel relay mq:/jobs unix-seq:/tmp/workers    # message by message\n"
                      "  ginnel relay --listen channel:/tmp/c unix-seq:/tmp/s\n"
                      "  ginnel relay fifo:/tmp/log unix-dgram:/tmp/d --lines\n"
                      "\n"
                      "Two-way are unix, unix-seq, channel, - and an fd: open for both. When one\n"
                      "direction ends, the other side is told and may still answer; but a channel ends\n"
                      "both ways at once. Messages stay whole between message kinds; into a stream they\n"
                      "go one after the other; out of a stream they are made of lines (--lines).\n",
                      "", define_relay};

}  // namespace ginnel::cli
