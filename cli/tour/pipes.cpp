#include "ginnel/sys/pipe.hpp"

#include <array>
#include <csignal>
#include <span>
#include <string>

#include "ginnel/sys/pipeline.hpp"
#include "tour/stops.hpp"
#include "tour/streams.hpp"

// Pipes without a name: as a stream, in packets, and between commands.

namespace ginnel::cli::tour {

void visit_pipe(Visit& visit) {
  {
    const Message sent = pattern(1'000'000);
    Pipe pipe = must(Pipe::create());
    Partner writer{visit, [&](Line&) { (void)must(write_all(pipe.write_end.get(), sent)); }};
    pipe.write_end.reset();
    visit.guarantee("every byte in order, then the end", judge_bytes(sent, read_to_end(pipe.read_end.get())));
    writer.finish();
  }
  Pipe there = must(Pipe::create());
  Pipe back = must(Pipe::create());
  const auto capacity = must(pipe_capacity(there.read_end.get()));
  visit.guarantee("holds " + capacity.to_string(), judge_outcome("a capacity", capacity.count() > 0));
  Partner echo{visit, [&](Line&) {
                 there.write_end.reset();
                 back.read_end.reset();
                 echo_pings(there.read_end.get(), back.write_end.get());
               }};
  there.read_end.reset();
  back.write_end.reset();
  visit.time_round_trips([&] { send_ping(there.write_end.get(), back.read_end.get()); });
  watch_death_on_streams(visit, echo, back.read_end.get(), there.write_end.get());
}

void visit_pipe_packets(Visit& visit) {
  {
    constexpr std::size_t packet_max = 4096;
    const auto sent = test_messages(500, packet_max, false);
    Pipe pipe = must(Pipe::create({.packets = true}));
    Partner writer{visit, [&](Line&) {
                     for (const Message& packet : sent) (void)must(write_all(pipe.write_end.get(), packet));
                   }};
    pipe.write_end.reset();
    std::vector<Message> received;
    std::array<std::byte, packet_max> buffer{};
    while (true) {
      auto got = must(read_some(pipe.read_end.get(), buffer, patience()));
      if (!got.is<BytesRead>()) break;
      received.emplace_back(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(got.as<BytesRead>().count));
    }
    visit.guarantee("one read takes one packet, up to 4096 bytes; all in order", judge_messages(sent, received));
    writer.finish();
  }
  Pipe there = must(Pipe::create({.packets = true}));
  Pipe back = must(Pipe::create({.packets = true}));
  Partner echo{visit, [&](Line&) {
                 there.write_end.reset();
                 back.read_end.reset();
                 echo_pings(there.read_end.get(), back.write_end.get());
               }};
  there.read_end.reset();
  back.write_end.reset();
  visit.time_round_trips([&] { send_ping(there.write_end.get(), back.read_end.get()); });
  watch_death_on_streams(visit, echo, back.read_end.get(), there.write_end.get());
}

namespace {

std::vector<ExitStatus> statuses_of(Pipeline& pipeline) {
  return must_be<std::vector<ExitStatus>>(pipeline.wait(patience()));
}

std::string in_words(const std::vector<ExitStatus>& statuses) {
  std::string words;
  for (const ExitStatus& status : statuses) words += (words.empty() ? "" : ", ") + status.to_string();
  return words;
}

}  // namespace

void visit_pipeline(Visit& visit) {
  {
    Pipe output = must(Pipe::create());
    auto sorting = must(Pipeline::start({{"printf", "3\\n1\\n2\\n"}, {"sort"}, {"tr", "\\n", " "}},
                                        {.output = output.write_end.get(), .end_with_parent = true}));
    output.write_end.reset();
    const Message printed = read_to_end(output.read_end.get());
    visit.guarantee("bytes in order through printf | sort | tr", judge_text("1 2 3 ", as_text(printed)));
    (void)statuses_of(sorting);
  }
  {
    auto failing = must(Pipeline::start({{"true"}, {"sh", "-c", "exit 3"}, {"cat"}}, {.end_with_parent = true}));
    const auto statuses = statuses_of(failing);
    visit.guarantee("how each command ended is told", judge_text("exit 0, exit 3, exit 0", in_words(statuses)));
    visit.guarantee("the first failure is found", judge_number("", 1, first_failure(statuses).value_or(99)));
  }
  visit.time_round_trips([] {
    auto pipeline = must(Pipeline::start({{"true"}, {"true"}}, {.end_with_parent = true}));
    (void)statuses_of(pipeline);
  });
  Pipe input = must(Pipe::create());
  auto cats = must(Pipeline::start({{"cat"}, {"cat"}}, {.input = input.read_end.get(), .end_with_parent = true}));
  (void)must(cats.processes().front().signal(SIGKILL));
  visit.at_peer_death("the next command reads the end, each end is told",
                      judge_text("killed by SIGKILL, exit 0", in_words(statuses_of(cats))));
}

}  // namespace ginnel::cli::tour
