#include <algorithm>
#include <array>
#include <span>
#include <string>

#include "ginnel/sys/posix_queue.hpp"
#include "ginnel/sys/sysv_queue.hpp"
#include "tour/stops.hpp"
#include "tour/streams.hpp"

// The kernel's message queues, of both families.

namespace ginnel::cli::tour {
namespace {

constexpr std::size_t message_max = 256;
constexpr std::size_t queue_depth = 10;  // what a user without privilege may have

Message receive_one(PosixQueue& queue) {
  std::array<std::byte, message_max> buffer{};
  const auto got = must_be<ReceivedFromQueue>(queue.receive(buffer, patience()));
  return {buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(got.bytes)};
}

unsigned priority_of(std::size_t index) { return static_cast<unsigned>(index % 3); }

/// Highest priority first, and as sent within one.
std::vector<Message> by_priority(const std::vector<Message>& sent) {
  std::vector<Message> ordered;
  for (unsigned priority = 3; priority-- > 0;)
    for (std::size_t i = 0; i < sent.size(); ++i)
      if (priority_of(i) == priority) ordered.push_back(sent[i]);
  return ordered;
}

}  // namespace

void visit_posix_queue(Visit& visit) {
  const PosixQueueOptions options{.messages = queue_depth, .message_size = Bytes{message_max}};
  auto there = must(PosixQueue::create(visit.names().object(0), options));
  auto back = must(PosixQueue::create(visit.names().object(1), options));
  const auto sent = test_messages(queue_depth, message_max, true);
  Partner partner{visit, [&](Line& line) {
                    auto in = must(PosixQueue::open(visit.names().object(0), PosixQueue::Access::receive));
                    auto out = must(PosixQueue::open(visit.names().object(1), PosixQueue::Access::send));
                    for (std::size_t i = 0; i < sent.size(); ++i)
                      (void)must_be<Done>(out.send(sent[i], priority_of(i), patience()));
                    line.ready();
                    std::array<std::byte, message_max> buffer{};
                    while (true) {
                      const auto got = must_be<ReceivedFromQueue>(in.receive(buffer));
                      (void)must_be<Done>(out.send(std::span{buffer}.first(got.bytes)));
                    }
                  }};
  partner.wait_until_ready();
  must(PosixQueue::unlink(visit.names().object(0)));
  must(PosixQueue::unlink(visit.names().object(1)));
  visit.guarantee("a full queue holds the sender back no longer than told",
                  judge_is<TimedOut>(back.send(sent[0], 0, Deadline::immediately())));
  std::vector<Message> received;
  while (received.size() < sent.size()) received.push_back(receive_one(back));
  visit.guarantee("messages whole, highest priority first, in order within one",
                  judge_messages(by_priority(sent), received));
  visit.time_round_trips([&] {
    (void)must_be<Done>(there.send(Ping{}, 0, patience()));
    (void)receive_one(back);
  });

  (void)must_be<Done>(there.send(as_bytes("last words"), 0, patience()));
  (void)must(wait_ready(back.pollable(), Interest::readable, patience()));
  partner.kill();
  const Message last = receive_one(back);
  visit.at_peer_death("nobody is told", judge_text("last words", as_text(last)));
  std::array<std::byte, message_max> buffer{};
  visit.at_peer_death("what it sent stays, more never comes", judge_is<TimedOut>(back.receive(buffer, a_moment())));
}

void visit_sysv_queue(Visit& visit) {
  constexpr long to_partner = 1;
  constexpr long to_stop = 2;
  auto queue = must(SysvQueue::create(visit.names().key()));
  Partner partner{visit, [&](Line& line) {
                    auto same = must(SysvQueue::open({.key = visit.names().key(), .id = std::nullopt}));
                    for (const long type : {30L, 10L, 20L, 10L})
                      (void)must_be<Done>(same.send(type, as_bytes("of type " + std::to_string(type)), patience()));
                    (void)must_be<Done>(same.send(40, {}, patience()));
                    line.ready();
                    while (true) {
                      const auto got = must_be<SysvMessage>(same.receive({SysvSelect::Rule::of_type, to_partner}));
                      (void)must_be<Done>(same.send(to_stop, got.data));
                    }
                  }};
  partner.wait_until_ready();
  const auto receive = [&](SysvSelect select) { return must_be<SysvMessage>(queue.receive(select, patience())); };
  visit.guarantee("received by type", judge_text("of type 20", as_text(receive({SysvSelect::Rule::of_type, 20}).data)));
  visit.guarantee("types as priorities",
                  judge_text("of type 10", as_text(receive({SysvSelect::Rule::lowest_up_to, 35}).data)));
  visit.guarantee("otherwise in order", judge_text("of type 30", as_text(receive({}).data)));
  (void)receive({});
  visit.guarantee("empty messages too", judge_number("bytes", 0, receive({}).data.size()));
  visit.time_round_trips([&] {
    (void)must_be<Done>(queue.send(to_partner, Ping{}));
    // Without a deadline it sleeps in the kernel; with one it would have to retry. The guide ends what hangs.
    (void)must_be<SysvMessage>(queue.receive({SysvSelect::Rule::of_type, to_stop}));
  });
  partner.kill();
  visit.at_peer_death("nobody is told",
                      judge_is<TimedOut>(queue.receive({SysvSelect::Rule::of_type, to_stop}, a_moment())));

  Partner waiting{visit, [&](Line& line) {
                    line.ready();
                    (void)must_be<Removed>(queue.receive());
                  }};
  waiting.wait_until_ready();
  must(queue.remove());
  waiting.finish();
  visit.guarantee("removal wakes who waits", std::nullopt);
}

}  // namespace ginnel::cli::tour
