#include <array>
#include <memory>

#include "ginnel/sys/ancillary.hpp"
#include "ginnel/sys/unix_socket.hpp"
#include "operations.hpp"
#include "support/scratch.hpp"

namespace ginnel::fault {
namespace {

using test::unique_name;

UnixAddress abstract_address() { return {"@" + unique_name().substr(1)}; }

template <class Socket>
std::shared_ptr<std::pair<Socket, Socket>> ready_pair() {
  return std::make_shared<std::pair<Socket, Socket>>(must(Socket::pair()));
}

std::shared_ptr<UnixListener> ready_listener(const UnixAddress& address) {
  return std::make_shared<UnixListener>(must(UnixListener::listen(UnixType::stream, address)));
}

template <class Socket>
Attempt send_and_receive(std::pair<Socket, Socket>& pair) {
  auto sent = pair.first.send(as_bytes("message"));
  if (!sent) return {report(sent)};
  std::array<std::byte, 64> buffer{};
  return {report(pair.second.receive(buffer, Deadline::after(std::chrono::seconds{1})))};
}

}  // namespace

std::vector<Operation> socket_operations() {
  return {
      {"UnixListener::listen path",
       [] { return [] { return Attempt{report(UnixListener::listen(UnixType::stream, {scratch_file("socket")}))}; }; }},
      {"UnixListener::listen abstract",
       [] {
         return [address = abstract_address()] {
           return Attempt{report(UnixListener::listen(UnixType::seqpacket, address))};
         };
       }},
      {"UnixStream::connect",
       [] {
         const UnixAddress address = abstract_address();
         return [address, listener = ready_listener(address)] { return Attempt{report(UnixStream::connect(address))}; };
       }},
      {"UnixListener::accept",
       [] {
         const UnixAddress address = abstract_address();
         auto listener = ready_listener(address);
         auto clients = std::make_shared<std::vector<UnixStream>>();
         for (int i = 0; i < 3; ++i) clients->push_back(must(UnixStream::connect(address)).as<UnixStream>());
         return [listener, clients] {
           return Attempt{report(listener->accept(Deadline::after(std::chrono::seconds{1})))};
         };
       }},
      {"UnixListener::accept with an allow-list",
       [] {
         const UnixAddress address = abstract_address();
         auto listener = std::make_shared<UnixListener>(
             must(UnixListener::listen(UnixType::stream, address, {.allow_uids = {0}, .allow_gids = {0}})));
         auto clients = std::make_shared<std::vector<UnixStream>>();
         for (int i = 0; i < 3; ++i) clients->push_back(must(UnixStream::connect(address)).as<UnixStream>());
         return [listener, clients] {
           return Attempt{report(listener->accept(Deadline::after(std::chrono::seconds{1})))};
         };
       }},
      {"UnixStream write and read",
       [] {
         return [pair = ready_pair<UnixStream>()] {
           auto wrote = pair->first.write_all(as_bytes("bytes"));
           if (!wrote) return Attempt{report(wrote)};
           std::array<std::byte, 5> buffer{};
           return Attempt{report(pair->second.read(buffer, Deadline::after(std::chrono::seconds{1})))};
         };
       }},
      {"UnixStream::pair", [] { return [] { return Attempt{report(UnixStream::pair())}; }; }},
      {"UnixSeqpacket send and receive",
       [] { return [pair = ready_pair<UnixSeqpacket>()] { return send_and_receive(*pair); }; }},
      {"UnixDatagram send and receive",
       [] { return [pair = ready_pair<UnixDatagram>()] { return send_and_receive(*pair); }; }},
      {"UnixDatagram::bind",
       [] { return [] { return Attempt{report(UnixDatagram::bind({scratch_file("datagrams")}))}; }; }},
      {"peer_credentials",
       [] {
         return [pair = ready_pair<UnixStream>()] { return Attempt{report(peer_credentials(pair->first.pollable()))}; };
       }},
      {"peer_groups",
       [] {
         return [pair = ready_pair<UnixStream>()] { return Attempt{report(peer_groups(pair->first.pollable()))}; };
       }},
      {"peer_process",
       [] {
         return [pair = ready_pair<UnixStream>()] { return Attempt{report(peer_process(pair->first.pollable()))}; };
       }},
      {"send_descriptors and receive_descriptors",
       [] {
         return [pair = ready_pair<UnixSeqpacket>()] {
           const std::array descriptors{0, 1, 2};
           auto sent = send_descriptors(pair->first.pollable(), as_bytes("three"), descriptors);
           if (!sent) return Attempt{report(sent)};
           std::array<std::byte, 16> buffer{};
           auto got = receive_descriptors(pair->second.pollable(), buffer, Deadline::after(std::chrono::seconds{1}));
           return Attempt{report(got)};
         };
       }},
  };
}

}  // namespace ginnel::fault
