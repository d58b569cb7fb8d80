// Two processes that talk: a server greets each client by its user number.
//
//   greeting serve /tmp/greeting.sock &
//   greeting ask   /tmp/greeting.sock Ada

#include <array>
#include <chrono>
#include <iostream>
#include <string>
#include <vector>

#include "ginnel/core.hpp"
#include "ginnel/sys.hpp"

namespace {

using namespace std::chrono_literals;
using namespace ginnel;

int give_up(const Error& error) {
  std::cerr << "greeting: " << error.message() << '\n';
  return 2;
}

int serve(const UnixAddress& address) {
  auto listener = UnixListener::listen(UnixType::seqpacket, address, {.mode = 0666});
  if (!listener) return give_up(listener.error());

  auto accepted = listener->accept();
  if (!accepted) return give_up(accepted.error());
  auto client = UnixSeqpacket::adopt(std::move(accepted->as<UniqueFd>()));
  if (!client) return give_up(client.error());
  auto who = peer_credentials(client->pollable());
  if (!who) return give_up(who.error());

  std::array<std::byte, 4096> buffer{};
  auto name = client->receive(buffer, Deadline::after(5s));
  if (!name) return give_up(name.error());
  const auto* message = name->get_if<ReceivedMessage>();
  if (message == nullptr) return 1;  // it went, or said nothing in time

  const std::string greeting = "Good morning " + std::string{as_text(std::span{buffer}.first(message->bytes))} +
                               ", user " + std::to_string(who->uid);
  auto sent = client->send(as_bytes(greeting), Deadline::after(5s));
  if (!sent) return give_up(sent.error());
  return sent->is<Done>() ? 0 : 1;
}

int ask(const UnixAddress& address, const std::string& name) {
  auto connected = UnixSeqpacket::connect(address, Deadline::after(5s));
  if (!connected) return give_up(connected.error());
  auto* server = connected->get_if<UnixSeqpacket>();
  if (server == nullptr) return 1;
  auto sent = server->send(as_bytes(name));
  if (!sent) return give_up(sent.error());

  std::array<std::byte, 4096> buffer{};
  auto answer = server->receive(buffer, Deadline::after(5s));
  if (!answer) return give_up(answer.error());
  const auto* message = answer->get_if<ReceivedMessage>();
  if (message == nullptr) return 1;
  std::cout << as_text(std::span{buffer}.first(message->bytes)) << '\n';
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words{argv + 1, argv + argc};
  if (words.size() == 2 && words[0] == "serve") return serve({words[1]});
  if (words.size() == 3 && words[0] == "ask") return ask({words[1]}, words[2]);
  std::cerr << "usage: greeting serve PATH | greeting ask PATH NAME\n";
  return 2;
}
