#include <array>
#include <chrono>
#include <vector>

#include "ginnel/core/process_id.hpp"
#include "ginnel/msg/service.hpp"
#include "ginnel/sys/io.hpp"
#include "hostile/assault.hpp"
#include "hostile/honest.hpp"
#include "hostile/offences.hpp"
#include "hostile/readable.hpp"
#include "support/scratch.hpp"

// A server, of whose clients one is hostile; and a client of a hostile server.

namespace ginnel::hostile {
namespace {

using namespace std::chrono_literals;

constexpr const char* service_path = "service";
constexpr auto patience = 10s;
constexpr Bytes smallest_ring = Bytes::kib(64);
using Server = Service<std::uint64_t, Sealed>;
using Asking = Client<std::uint64_t, Sealed>;
using Asked = Request<std::uint64_t, Sealed>;
using CallingForBytes = Client<std::uint64_t, std::byte[]>;

// --- the server

void judge(const Scene& scene, const TurnedAway& away) {
  expect_offence(scene, away.why, {EBADMSG, EMFILE, ECONNRESET, ETIMEDOUT}, scene.path(service_path));
  if (away.peer.pid != scene.attacker) scene.ledger.contradict("the honest client is let go: " + away.why.message());
}

void serve(const Scene& scene, Server& server, Random& random) {
  const auto end = Deadline::after(200ms);
  std::vector<Asked> kept;  // to be answered later, or dropped
  while (!end.passed() && !scene.is_over()) {
    const Deadline deadline = any_deadline(random);
    ++scene.ledger.operations;
    auto next = must(timely(scene.ledger, "serve", deadline, [&] { return server.next(deadline); }));
    if (const auto* away = next.get_if<TurnedAway>()) judge(scene, *away);
    auto* const request = next.get_if<Asked>();
    if (request == nullptr) continue;
    ++scene.ledger.messages;
    const bool is_hostile = request->credentials().pid == scene.attacker;
    if (is_hostile && random.one_in(4)) {
      kept.push_back(std::move(*request));
      if (kept.size() > 8) kept.erase(kept.begin() + static_cast<std::ptrdiff_t>(random.below(kept.size())));
      continue;
    }
    const auto answered =
        timely(scene.ledger, "answer", Deadline::immediately(), [&] { return request->answer(Sealed::of(**request)); });
    if (!answered) expect_offence(scene, answered.error(), {EBADMSG}, scene.path(service_path));
    if (!is_hostile && (!answered || !answered->is<Done>()))
      scene.ledger.contradict("the honest client cannot be answered");
  }
}

void suffer_clients(const Scene& scene, Random random) {
  const auto before = test::open_descriptors();
  const std::array waitings{Waiting::adaptive, Waiting::sleeping, Waiting::polling};
  while (!scene.is_over()) {
    auto server =
        must(Server::listen(scene.path(service_path), {.capacity = smallest_ring, .waiting = random.one_of(waitings)}));
    serve(scene, server, random);
  }
  if (test::open_descriptors() != before) scene.ledger.contradict("descriptors are left open");
}

void attack_server(const Scene& scene, Random random) {
  const detail::ChannelTerms terms{.sends = message_type<std::uint64_t>(),
                                   .receives = message_type<Sealed>(),
                                   .capacity = smallest_ring,
                                   .address = "the victim"};
  while (true) {
    auto link = detail::connect_channel(UnixAddress{scene.path(service_path)}, terms, Deadline::after(1s));
    if (link && link->is<detail::ChannelLink>())
      Assault{scene, std::move(link->as<detail::ChannelLink>()), {sizeof(std::uint64_t)}, random}.run();
  }
}

/// The honest client. Where the server has gone, another one comes at once.
void call_again_and_again(const Scene& scene) {
  for (std::uint64_t number = 0;;) {
    auto client = Asking::connect(scene.path(service_path), Deadline::after(patience));
    if (!client || !client->is<Asking>()) continue;
    while (true) {
      const auto called = client->as<Asking>().call(number, Deadline::after(patience));
      if (!called) scene.ledger.contradict("the honest client is told: " + called.error().message());
      if (!called || called->is<NotStarted>() || called->is<MaybeExecuted>()) break;
      if (called->is<TimedOut>()) {
        scene.ledger.contradict("the honest client is not answered");
        continue;
      }
      const Sealed answer = *called->as<Incoming<Sealed>>();
      if (!answer.is_whole() || answer.number != number) scene.ledger.contradict("an answer is not the one to a call");
      ++number;
      ++scene.ledger.exchanges;
    }
  }
}

// --- the client

class ClientVictim {
 public:
  ClientVictim(const Scene& scene, Random random) : scene_{scene}, random_{random}, honest_{scene} {}

  void suffer() {
    const auto before = test::open_descriptors();
    const std::array waitings{Waiting::adaptive, Waiting::sleeping, Waiting::polling};
    while (!scene_.is_over()) {
      const Deadline deadline = Deadline::after(100ms);
      auto client = timely(scene_.ledger, "connect", deadline, [&] {
        return CallingForBytes::connect(scene_.path(service_path), deadline, {.waiting = random_.one_of(waitings)});
      });
      if (client && client->is<CallingForBytes>()) endure(client->as<CallingForBytes>());
      honest_.exchange();
    }
    if (test::open_descriptors() != before) scene_.ledger.contradict("descriptors are left open");
  }

 private:
  void endure(CallingForBytes& client) {
    bool good = true;
    for (int calls = 0; calls < 250 && good && !scene_.is_over(); ++calls) {
      good = call(client);
      if (calls % 32 == 0) honest_.exchange();
    }
  }
  bool call(CallingForBytes& client) {
    const Deadline deadline = any_deadline(random_);
    ++scene_.ledger.operations;
    const auto called = timely(scene_.ledger, "call", deadline, [&] { return client.call(1, deadline); });
    if (!called) {
      expect_offence(scene_, called.error(), {EBADMSG, EMFILE}, scene_.path(service_path));
      return called.error().code() != EBADMSG;
    }
    if (const auto* answer = called->get_if<Incoming<std::byte[]>>()) {
      ++scene_.ledger.messages;
      const auto bytes = answer->in_place();
      if (readable_.holds(bytes))
        sum_ += sum_of(bytes);
      else
        scene_.ledger.contradict("an answer lies beyond the peer's memory");
    }
    return true;
  }

  const Scene& scene_;
  Random random_;
  HonestLink honest_;
  Readable readable_{};
  std::uint64_t sum_ = 0;
};

void suffer_server(const Scene& scene, Random random) { ClientVictim{scene, random}.suffer(); }

void attack_client(const Scene& scene, Random random) {
  auto listener = must(UnixListener::listen(UnixType::seqpacket, UnixAddress{scene.path(service_path)}));
  const auto self = must(Process::self());
  const detail::ChannelTerms terms{.sends = message_type<std::byte[]>(),
                                   .receives = message_type<std::uint64_t>(),
                                   .capacity = smallest_ring,
                                   .address = "the victim"};
  while (true) {
    auto accepted = must(listener.accept());
    auto& socket = accepted.as<UniqueFd>();
    static_cast<void>(wait_ready(socket.get(), Interest::readable, Deadline::after(1s)));
    auto link = detail::answer_hello(socket, must(peer_credentials(socket.get())), self, terms);
    if (link && link->is<detail::ChannelLink>())
      Assault{scene, std::move(link->as<detail::ChannelLink>()), {8, 9, 16, 1000}, random}.run();
  }
}

constexpr std::array victims{
    Victim{.name = "service", .suffer = suffer_clients, .attack = attack_server, .befriend = call_again_and_again},
    // A server that nobody else asks: what comes of others lets it return.
    Victim{.name = "service-alone", .suffer = suffer_clients, .attack = attack_server, .befriend = nullptr},
    Victim{.name = "client-of-service", .suffer = suffer_server, .attack = attack_client, .befriend = send_back},
};

}  // namespace

std::span<const Victim> service_victims() { return victims; }

}  // namespace ginnel::hostile
