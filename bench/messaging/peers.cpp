#include "../peers/peer.hpp"

#include <unistd.h>

#include <memory>
#include <string>

#include "groups.hpp"

namespace ginnel::bench {
namespace {

constexpr std::size_t kib = 1024;

std::string connection() { return "ginnel-bench-" + std::to_string(::getpid()); }

std::string what(const Peer& peer, const char* how, std::size_t bytes) {
  return peer.name + ", " + how + ", " +
         (bytes >= kib * kib ? std::to_string(bytes / kib / kib) + " MiB"
          : bytes >= kib     ? std::to_string(bytes / kib) + " KiB"
                             : std::to_string(bytes) + " B");
}

Figure beside(const Peer& peer, std::string title, Unit unit, std::uint32_t times) {
  Figure figure;
  figure.what = std::move(title);
  figure.unit = unit;
  figure.times = times;
  if (peer.remove != nullptr) figure.clean_up = [=, name = connection()] { peer.remove(name); };
  if (peer.start != nullptr) figure.begin = peer.start;
  if (peer.stop != nullptr) figure.end = peer.stop;
  return figure;
}

Figure round_trip(const Peer& peer, Unit unit, Wait wait, std::size_t bytes, std::uint32_t times) {
  const std::string name = connection();
  Figure figure = beside(
      peer, what(peer, wait == Wait::polling ? "round trip, polling" : "round trip, sleeping", bytes), unit, times);
  figure.other = [=]() -> Act {
    std::shared_ptr<PeerEnd> end = peer.open(name, Side::second, wait, bytes);
    return [=](std::uint32_t rounds) {
      for (std::uint32_t i = 0; i < rounds; ++i) {
        end->receive(bytes);
        end->send(bytes);
      }
    };
  };
  figure.own = [=]() -> Act {
    std::shared_ptr<PeerEnd> end = peer.open(name, Side::first, wait, bytes);
    return [=](std::uint32_t rounds) {
      for (std::uint32_t i = 0; i < rounds; ++i) {
        end->send(bytes);
        end->receive(bytes);
      }
    };
  };
  return figure;
}

Figure one_way(const Peer& peer, Wait wait, std::size_t bytes, std::uint32_t times) {
  const std::string name = connection();
  Figure figure = beside(peer, what(peer, "one way", bytes), Unit::rate, times);
  figure.other = [=]() -> Act {
    std::shared_ptr<PeerEnd> end = peer.open(name, Side::second, wait, bytes);
    return [=](std::uint32_t messages) {
      for (std::uint32_t i = 0; i < messages; ++i) end->send(bytes);
    };
  };
  figure.own = [=]() -> Act {
    std::shared_ptr<PeerEnd> end = peer.open(name, Side::first, wait, bytes);
    return [=](std::uint32_t messages) {
      for (std::uint32_t i = 0; i < messages; ++i) end->receive(bytes);
    };
  };
  return figure;
}

}  // namespace

std::vector<Figure> peer_figures() {
  std::vector<Figure> all;
  for (const Peer& peer : peers()) {
    const Wait polling = peer.can_poll ? Wait::polling : Wait::sleeping;
    all.push_back(round_trip(peer, Unit::line, polling, 64, 100));
    if (peer.can_sleep) all.push_back(round_trip(peer, Unit::futex, Wait::sleeping, 64, 24));
    all.push_back(round_trip(peer, Unit::line, polling, kib, 50));
    if (peer.longest >= 64 * kib) all.push_back(round_trip(peer, Unit::micros, polling, 64 * kib, 10));
    all.push_back(one_way(peer, polling, 64, 1'000));
    all.push_back(one_way(peer, polling, kib, 500));
    if (peer.longest >= 64 * kib) all.push_back(one_way(peer, polling, 64 * kib, 50));
    if (peer.longest >= kib * kib) all.push_back(one_way(peer, polling, kib * kib, 8));
  }
  return all;
}

}  // namespace ginnel::bench
