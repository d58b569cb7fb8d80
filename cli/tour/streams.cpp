#include "tour/streams.hpp"

#include <span>

namespace ginnel::cli::tour {
namespace {

void must_be_complete(const Transfer& transfer) {
  if (transfer.end != Transfer::End::complete) throw Broken{"a transfer ended before all had gone over"};
}

}  // namespace

Message read_to_end(int fd) {
  Message all;
  std::array<std::byte, 65536> buffer{};
  while (true) {
    auto got = must(read_some(fd, buffer, patience()));
    if (got.is<EndOfStream>()) return all;
    if (got.is<TimedOut>()) throw Broken{Untrue{"the end of the stream", "nothing"}.to_string()};
    const auto read = std::span{buffer}.first(got.as<BytesRead>().count);
    all.insert(all.end(), read.begin(), read.end());
  }
}

void echo_pings(int in, int out) {
  while (true) {
    Ping ping{};
    must_be_complete(must(read_all(in, ping)));
    must_be_complete(must(write_all(out, ping)));
  }
}

void send_ping(int out, int in) {
  Ping ping{};
  must_be_complete(must(write_all(out, ping, patience())));
  must_be_complete(must(read_all(in, ping, patience())));
}

void watch_death_on_streams(Visit& visit, Partner& partner, int in, int out) {
  partner.kill();
  std::array<std::byte, 1> byte{};
  visit.at_peer_death("the reader reads the end", judge_is<EndOfStream>(read_some(in, byte, patience())));
  visit.at_peer_death("the writer is told, without SIGPIPE", judge_is<PeerGone>(write_some(out, byte, patience())));
}

}  // namespace ginnel::cli::tour
