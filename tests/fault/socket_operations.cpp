#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
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
  return {report(pair.second.receive(buffer, Deadline::after(patience)))};
}

template <class Socket>
Attempt adopted(int socket) {
  UniqueFd copy{::dup(socket)};
  if (!copy.valid()) return {report_error(Error::last("dup"))};
  return {report(Socket::adopt(std::move(copy)))};
}

/// As a service manager would have left them to a program: at 3 and 4, and open across execve(2).
Attempt inherited() {
  std::array<int, 2> sockets{};
  if (::socketpair(AF_UNIX, SOCK_STREAM, 0, sockets.data()) < 0) return {report_error(Error::last("socketpair"))};
  if (sockets != std::array{3, 4}) give_up("the first free descriptors are not 3 and 4");
  ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
  ::setenv("LISTEN_FDS", "2", 1);
  const auto taken = inherited_sockets();
  if (taken) return {report(taken)};
  return {report(taken), [] {
            if (::close_range(3, 4, 0) < 0) give_up("close_range");
          }};
}

template <class Type>
Attempt pass_descriptors(std::pair<Type, Type>& pair) {
  const std::array descriptors{0, 1, 2};
  auto sent = send_descriptors(pair.first.pollable(), as_bytes("three"), descriptors);
  if (!sent) return {report(sent)};
  std::array<std::byte, 16> buffer{};
  return {report(receive_descriptors(pair.second.pollable(), buffer, Deadline::after(patience)))};
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
         return [listener, clients] { return Attempt{report(listener->accept(Deadline::after(patience)))}; };
       }},
      {"UnixListener::accept with an allow-list",
       [] {
         const UnixAddress address = abstract_address();
         auto listener = std::make_shared<UnixListener>(
             must(UnixListener::listen(UnixType::stream, address, {.allow_uids = {0}, .allow_gids = {0}})));
         auto clients = std::make_shared<std::vector<UnixStream>>();
         for (int i = 0; i < 3; ++i) clients->push_back(must(UnixStream::connect(address)).as<UnixStream>());
         return [listener, clients] { return Attempt{report(listener->accept(Deadline::after(patience)))}; };
       }},
      {"UnixStream write and read",
       [] {
         return [pair = ready_pair<UnixStream>()] {
           auto wrote = pair->first.write_all(as_bytes("bytes"));
           if (!wrote) return Attempt{report(wrote)};
           std::array<std::byte, 5> buffer{};
           return Attempt{report(pair->second.read(buffer, Deadline::after(patience)))};
         };
       }},
      {"UnixStream::pair", [] { return [] { return Attempt{report(UnixStream::pair())}; }; }},
      {"UnixSeqpacket::pair", [] { return [] { return Attempt{report(UnixSeqpacket::pair())}; }; }},
      {"UnixDatagram::pair", [] { return [] { return Attempt{report(UnixDatagram::pair())}; }; }},
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
       [] { return [pair = ready_pair<UnixSeqpacket>()] { return pass_descriptors(*pair); }; }},
      {"send_descriptors and receive_descriptors on a stream",
       [] { return [pair = ready_pair<UnixStream>()] { return pass_descriptors(*pair); }; }},
      {"UnixSeqpacket::connect",
       [] {
         const UnixAddress address = abstract_address();
         auto listener = std::make_shared<UnixListener>(must(UnixListener::listen(UnixType::seqpacket, address)));
         return [address, listener] { return Attempt{report(UnixSeqpacket::connect(address))}; };
       }},
      {"UnixDatagram::connect",
       [] {
         const UnixAddress address = abstract_address();
         auto receiver = std::make_shared<UnixDatagram>(must(UnixDatagram::bind(address)));
         return [address, receiver] { return Attempt{report(UnixDatagram::connect(address))}; };
       }},
      {"UnixStream::adopt",
       [] { return [pair = ready_pair<UnixStream>()] { return adopted<UnixStream>(pair->first.pollable()); }; }},
      {"UnixSeqpacket::adopt",
       [] { return [pair = ready_pair<UnixSeqpacket>()] { return adopted<UnixSeqpacket>(pair->first.pollable()); }; }},
      {"UnixDatagram::adopt",
       [] { return [pair = ready_pair<UnixDatagram>()] { return adopted<UnixDatagram>(pair->first.pollable()); }; }},
      {"UnixListener::adopt",
       [] {
         return [listener = ready_listener(abstract_address())] { return adopted<UnixListener>(listener->pollable()); };
       }},
      {"UnixStream::finish_writing",
       [] { return [pair = ready_pair<UnixStream>()] { return Attempt{report(pair->first.finish_writing())}; }; }},
      {"inherited_sockets", [] { return inherited; }},
  };
}

}  // namespace ginnel::fault
