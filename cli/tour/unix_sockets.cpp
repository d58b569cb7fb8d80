#include "ginnel/sys/unix_socket.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <span>
#include <string>

#include "ginnel/sys/ancillary.hpp"
#include "ginnel/sys/eventfd.hpp"
#include "tour/stops.hpp"
#include "tour/streams.hpp"

// Unix sockets of the three types, and the descriptors that go over them.

namespace ginnel::cli::tour {
namespace {

Verdict judge_mode(const std::string& path) {
  struct stat status{};
  const bool known = ::stat(path.c_str(), &status) == 0;
  return judge_number("(octal 600) permission bits", 0600, known ? status.st_mode & 0777U : 0U);
}

Message to_message(std::span<const std::byte> buffer, std::size_t bytes) {
  const auto used = buffer.first(bytes);
  return {used.begin(), used.end()};
}

/// Receives one message of a seqpacket or datagram socket.
template <class Socket>
Message receive_message(Socket& socket) {
  std::array<std::byte, 65536> buffer{};
  return to_message(buffer, must_be<ReceivedMessage>(socket.receive(buffer, patience())).bytes);
}

/// Sends every message back, until killed.
template <class Socket>
void echo_messages(Socket& socket) {
  std::array<std::byte, 4096> buffer{};
  while (true) {
    const auto got = must_be<ReceivedMessage>(socket.receive(buffer));
    (void)must_be<Done>(socket.send(std::span{buffer}.first(got.bytes)));
  }
}

template <class Socket>
void time_messages(Visit& visit, Socket& socket) {
  visit.time_round_trips([&] {
    Ping ping{};
    (void)must_be<Done>(socket.send(ping, patience()));
    (void)must_be<ReceivedMessage>(socket.receive(ping, patience()));
  });
}

}  // namespace

void visit_unix_stream(Visit& visit) {
  const std::string path = visit.names().path("stream");
  const Message question = pattern(500'000, 1);
  const Message answer = pattern(500'000, 2);
  auto listener = must(UnixListener::listen(UnixType::stream, {path}));
  visit.guarantee("the path has mode 0600", judge_mode(path));

  Partner client{visit, [&](Line&) {
                   auto stream = must_be<UnixStream>(UnixStream::connect({path}, patience()));
                   (void)must(stream.write_all(question, patience()));
                   must(stream.finish_writing());
                   const Message heard = read_to_end(stream.pollable());
                   if (const auto wrong = judge_bytes(answer, heard)) throw Broken{wrong->to_string()};

                   auto echo = must_be<UnixStream>(UnixStream::connect({path}, patience()));
                   echo_pings(echo.pollable(), echo.pollable());
                 }};
  {
    auto stream = must(UnixStream::adopt(must_be<UniqueFd>(listener.accept(patience()))));
    visit.guarantee("every byte in order", judge_bytes(question, read_to_end(stream.pollable())));
    (void)must(stream.write_all(answer, patience()));
  }
  // That the client came back shows that it had the whole answer.
  auto stream = must(UnixStream::adopt(must_be<UniqueFd>(listener.accept(patience()))));
  visit.guarantee("answered after a half-close", std::nullopt);
  const auto pid = static_cast<std::uint64_t>(client.process().pid());
  visit.guarantee(
      "the kernel names the peer",
      judge_number("as pid", pid, static_cast<std::uint64_t>(must(peer_credentials(stream.pollable())).pid)));
  const Process peer = must(peer_process(stream.pollable()));
  visit.time_round_trips([&] { send_ping(stream.pollable(), stream.pollable()); });
  watch_death_on_streams(visit, client, stream.pollable(), stream.pollable());
  visit.at_peer_death("its pidfd says dead", judge_outcome("dead", !peer.alive(), "alive"));
}

void visit_unix_seqpacket(Visit& visit) {
  const std::string path = visit.names().path("seqpacket");
  const auto sent = test_messages(300, 32'768, true);
  auto listener = must(UnixListener::listen(UnixType::seqpacket, {path}));
  Partner client{visit, [&](Line&) {
                   auto connection = must_be<UnixSeqpacket>(UnixSeqpacket::connect({path}, patience()));
                   for (const Message& message : sent) (void)must_be<Done>(connection.send(message, patience()));
                   echo_messages(connection);
                 }};
  auto connection = must(UnixSeqpacket::adopt(must_be<UniqueFd>(listener.accept(patience()))));
  std::vector<Message> received;
  while (received.size() < sent.size()) received.push_back(receive_message(connection));
  visit.guarantee("messages whole and in order; an empty one is not the end", judge_messages(sent, received));

  time_messages(visit, connection);
  client.kill();
  std::array<std::byte, 1> byte{};
  visit.at_peer_death("the receiver gets the end", judge_is<EndOfStream>(connection.receive(byte, patience())));
  visit.at_peer_death("the sender is told", judge_is<PeerGone>(connection.send(byte, patience())));
}

void visit_unix_datagram(Visit& visit) {
  const std::string path = visit.names().path("datagram");
  {
    const auto sent = test_messages(300, 32'768, true);
    auto bound = must(UnixDatagram::bind({path}));
    visit.guarantee("the path has mode 0600", judge_mode(path));
    Partner sender{visit, [&](Line&) {
                     auto socket = must(UnixDatagram::connect({path}));
                     for (const Message& message : sent) (void)must_be<Done>(socket.send(message, patience()));
                   }};
    std::vector<Message> received;
    while (received.size() < sent.size()) received.push_back(receive_message(bound));
    visit.guarantee("messages whole, in order, none lost: a full receiver holds the sender back",
                    judge_messages(sent, received));
    sender.finish();
  }
  auto [near, far] = must(UnixDatagram::pair());
  Partner echo{visit, [&](Line&) { echo_messages(far); }};
  {
    const UnixDatagram dropped = std::move(far);
  }
  time_messages(visit, near);
  echo.kill();
  std::array<std::byte, 1> byte{};
  visit.at_peer_death("the sender is told", judge_is<PeerGone>(near.send(byte, patience())));
  visit.at_peer_death("the receiver is not", judge_is<TimedOut>(near.receive(byte, a_moment())));
}

namespace {

/// As many as one message may carry, or as this process may still open.
std::size_t most_descriptors() {
  rlimit limit{};
  constexpr rlim_t in_use = 64;
  if (::getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur <= in_use) return 1;
  return static_cast<std::size_t>(std::min<rlim_t>(passed_descriptors_max, limit.rlim_cur - in_use));
}

ReceivedWithDescriptors receive_some(int socket) {
  std::array<std::byte, 64> buffer{};
  return must_be<ReceivedWithDescriptors>(receive_descriptors(socket, buffer, patience()));
}

bool all_close_on_exec(const std::vector<UniqueFd>& descriptors) {
  return std::ranges::all_of(descriptors,
                             [](const UniqueFd& fd) { return (::fcntl(fd.get(), F_GETFD) & FD_CLOEXEC) != 0; });
}

}  // namespace

void visit_descriptor_passing(Visit& visit) {
  auto [near, far] = must(UnixSeqpacket::pair());
  const std::size_t many = most_descriptors();
  Partner partner{
      visit, [&](Line& line) {
        const Pipe pipe = must(Pipe::create());
        const Eventfd counter = must(Eventfd::create());
        (void)must(write_all(pipe.write_end.get(), as_bytes("through a passed pipe")));
        std::vector<int> descriptors(many, pipe.read_end.get());
        descriptors.back() = counter.pollable();
        (void)must_be<BytesWritten>(send_descriptors(far.pollable(), as_bytes("!"), descriptors, patience()));
        line.wait_for_release();
        while (true) {
          const auto got = receive_some(far.pollable());
          (void)must_be<BytesWritten>(
              send_descriptors(far.pollable(), as_bytes("!"), std::array{got.descriptors.at(0).get()}));
        }
      }};
  {
    const UniqueFd dropped = std::move(far).release();
  }
  {
    auto got = receive_some(near.pollable());
    visit.guarantee(std::to_string(many) + " descriptors in one message",
                    judge_number("descriptors", many, got.descriptors.size()));
    visit.guarantee("all close-on-exec", judge_outcome("close-on-exec", all_close_on_exec(got.descriptors)));
    const auto kind_of = [](const UniqueFd& fd) { return to_string(must(descriptor_kind(fd.get()))); };
    visit.guarantee("what each is, is told", judge_text("eventfd", kind_of(got.descriptors.back())));
    std::array<std::byte, 64> buffer{};
    const auto read = must_be<BytesRead>(read_some(got.descriptors.front().get(), buffer, patience()));
    visit.guarantee("a passed pipe gives the sender's bytes",
                    judge_text("through a passed pipe", as_text(std::span{buffer}.first(read.count))));
  }
  partner.release();
  const Eventfd counter = must(Eventfd::create({.initial = 5}));
  const auto pass = [&] {
    (void)must_be<BytesWritten>(
        send_descriptors(near.pollable(), as_bytes("!"), std::array{counter.pollable()}, patience()));
  };
  visit.time_round_trips([&] {
    pass();
    (void)receive_some(near.pollable());
  });
  pass();
  (void)must(wait_ready(near.pollable(), Interest::readable, patience()));
  partner.kill();
  auto last = receive_some(near.pollable());
  Eventfd same = must(Eventfd::adopt(std::move(last.descriptors.at(0))));
  visit.at_peer_death("what it had passed still arrives and works",
                      judge_number("counted", 5, must_be<EventCount>(same.take(patience())).count));
  std::array<std::byte, 1> byte{};
  visit.at_peer_death("then the end", judge_is<EndOfStream>(receive_descriptors(near.pollable(), byte, patience())));
}

}  // namespace ginnel::cli::tour
