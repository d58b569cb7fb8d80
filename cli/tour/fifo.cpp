#include "ginnel/sys/fifo.hpp"

#include <array>
#include <string>
#include <vector>

#include "tour/stops.hpp"
#include "tour/streams.hpp"

// Pipes with a name.

namespace ginnel::cli::tour {
namespace {

/// Two processes write at once; the messages of each must come whole and in order, however the two are mixed.
void check_frames_of_two_writers(Visit& visit, const std::string& path) {
  const auto sent = test_messages(300, fifo_message_max, true);
  const auto write_all_of_them = [&](std::byte who) {
    return [&, who](Line& line) {
      const UniqueFd fifo = must_be<UniqueFd>(open_fifo_writer(path, patience()));
      line.ready();
      line.wait_for_release();
      for (Message message : sent) {
        if (!message.empty()) message.front() = who;
        (void)must_be<Done>(send_message(fifo.get(), message, patience()));
      }
    };
  };
  FifoMessageReader reader{must(open_fifo_reader(path))};
  Partner one{visit, write_all_of_them(std::byte{1})};
  Partner two{visit, write_all_of_them(std::byte{2})};
  // One that closed before the other had opened would be the end of the stream.
  one.wait_until_ready();
  two.wait_until_ready();
  one.release();
  two.release();
  std::array<std::vector<Message>, 2> received;
  std::size_t empty = 0;
  while (received[0].size() + received[1].size() + empty < 2 * sent.size()) {
    auto message = must_be<Message>(reader.receive(patience()));
    if (message.empty())
      ++empty;
    else
      received[message.front() == std::byte{1} ? 0 : 1].push_back(std::move(message));
  }
  one.finish();
  two.finish();
  for (std::size_t who = 0; who < received.size(); ++who) {
    std::vector<Message> expected = sent;
    std::erase_if(expected, [](const Message& message) { return message.empty(); });
    for (Message& message : expected) message.front() = static_cast<std::byte>(who + 1);
    const auto verdict = judge_messages(expected, received[who]);
    if (verdict || who == 1) visit.guarantee("two writers' messages whole, each writer's in order", verdict);
  }
  visit.guarantee("an empty message is one", judge_number("empty messages", 2, empty));
}

}  // namespace

void visit_fifo(Visit& visit) {
  const std::string there = visit.names().path("there");
  const std::string back = visit.names().path("back");
  must(create_fifo(there));
  must(create_fifo(back));
  visit.guarantee("opening for writing waits no longer than told",
                  judge_is<TimedOut>(open_fifo_writer(there, a_moment())));
  check_frames_of_two_writers(visit, there);

  const UniqueFd in = must(open_fifo_reader(back));
  Partner echo{visit, [&](Line&) {
                 const UniqueFd from = must(open_fifo_reader(there));
                 const UniqueFd to = must_be<UniqueFd>(open_fifo_writer(back, patience()));
                 echo_pings(from.get(), to.get());
               }};
  const UniqueFd out = must_be<UniqueFd>(open_fifo_writer(there, patience()));
  visit.time_round_trips([&] { send_ping(out.get(), in.get()); });
  watch_death_on_streams(visit, echo, in.get(), out.get());
}

}  // namespace ginnel::cli::tour
