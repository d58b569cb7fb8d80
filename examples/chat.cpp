// Two processes that need not trust each other: messages both ways, and an open file from one to the other.
//
//   chat listen  /tmp/chat.sock &
//   chat connect /tmp/chat.sock hello < /etc/hostname

#include <array>
#include <chrono>
#include <iostream>
#include <string>
#include <vector>

#include "ginnel/msg.hpp"
#include "ginnel/sys.hpp"

namespace {

using namespace std::chrono_literals;
using namespace ginnel;

using Chat = Channel<char[]>;

int give_up(const Error& error) {
  std::cerr << "chat: " << error.message() << '\n';
  return 2;
}

std::string text_of(const Incoming<char[]>& message) {
  const std::vector<char> copy = *message;  // the peer cannot change it any more
  return {copy.begin(), copy.end()};
}

/// What can be read from a file that came with a message.
std::string content_of(const UniqueFd& file) {
  std::array<std::byte, 4096> buffer{};
  const auto read = read_all(file.get(), buffer, Deadline::after(5s));
  return read ? std::string{as_text(std::span{buffer}.first(read->bytes))} : read.error().message();
}

int listen(const std::string& path) {
  auto listener = ChannelListener<char[]>::listen(path);
  if (!listener) return give_up(listener.error());
  auto accepted = listener->accept(Deadline::after(30s));
  if (!accepted) return give_up(accepted.error());
  if (const auto* away = accepted->get_if<TurnedAway>()) return give_up(away->why);
  auto* const peer = accepted->get_if<Chat>();
  if (peer == nullptr) return 1;  // nobody came

  while (true) {
    auto received = peer->receive(Deadline::after(30s));
    if (!received) return give_up(received.error());
    if (received->is<PeerGone>()) return 0;
    auto* const message = received->get_if<Incoming<char[]>>();
    if (message == nullptr) return 1;  // it says nothing
    std::string reply = "You are user " + std::to_string(peer->credentials().uid) + " and say " + text_of(*message);
    for (const UniqueFd& file : message->descriptors()) reply += ", with a file: " + content_of(file);
    auto sent = peer->send(reply, Deadline::after(5s));
    if (!sent) return give_up(sent.error());
  }
}

int connect(const std::string& path, const std::string& text) {
  auto peer = Chat::connect(path);
  if (!peer) return give_up(peer.error());
  const std::array files{0};  // standard input
  auto sent = peer->send_with(files, text, Deadline::after(5s));
  if (!sent) return give_up(sent.error());
  auto received = peer->receive(Deadline::after(10s));
  if (!received) return give_up(received.error());
  const auto* const reply = received->get_if<Incoming<char[]>>();
  if (reply == nullptr) return 1;
  std::cout << text_of(*reply) << '\n';
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words{argv + 1, argv + argc};
  if (words.size() == 2 && words[0] == "listen") return listen(words[1]);
  if (words.size() == 3 && words[0] == "connect") return connect(words[1], words[2]);
  std::cerr << "usage: chat listen PATH | chat connect PATH TEXT\n";
  return 2;
}
