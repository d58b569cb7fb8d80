#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "ginnel/measure/carrier_loops.hpp"
#include "ginnel/msg/channel.hpp"
#include "ginnel/msg/latest.hpp"
#include "ginnel/msg/queue.hpp"
#include "ginnel/msg/service.hpp"
#include "ginnel/msg/topic.hpp"
#include "kinds.hpp"

// Messaging in shared memory of ginnel's own. A handle is for the process that opened it: each side opens its own.

namespace ginnel::measure {
namespace {

using Payload = std::byte[];

enum class Copies { yes, no };

Waiting waiting_of(Manner manner) {
  if (manner == Manner::sleeping) return Waiting::sleeping;
  return manner == Manner::polling ? Waiting::polling : Waiting::adaptive;
}

/// Room for several messages of that size, each of which may take a quarter of a ring.
Bytes ring_for(std::size_t size) {
  constexpr std::size_t least = std::size_t{1} << 20U;
  return Bytes{std::max(least, std::bit_ceil(8 * size))};
}

std::string_view there_or_back(Side sender) { return sender == Side::first ? "there" : "back"; }

/// What is read of a message that lies at `from`.
template <Copies copies>
bool take_from(std::span<const std::byte> from, std::span<std::byte> buffer) {
  if (from.size() != buffer.size()) return false;
  std::memcpy(buffer.data(), from.data(), copies == Copies::yes ? buffer.size() : sizeof(Number));
  return true;
}

Error wrong_size() { return Error{EPROTO, "receive", {}, "a message has not the size that was sent"}; }

template <Copies copies>
class Topics : public KeepsFailure {
 public:
  explicit Topics(CarrierSetup setup) : setup_{std::move(setup)} {}
  [[nodiscard]] static Result<std::unique_ptr<Topics>> make(const CarrierSetup& setup) {
    return std::make_unique<Topics>(setup);
  }
  [[nodiscard]] Result<void> prepare(Side side) {
    auto out = Publisher<Payload>::create(std::string{there_or_back(side)},
                                          {.capacity = ring_for(setup_.size), .home = setup_.home});
    if (!out) return std::unexpected{std::move(out.error())};
    out_.emplace(std::move(*out));
    return {};
  }
  /// The other side's writer is there: so this reader joins it now, and not only when it first looks for a message.
  [[nodiscard]] Result<void> open(Side side) {
    auto in = Subscriber<Payload>::open(std::string{there_or_back(other(side))},
                                        {.waiting = waiting_of(setup_.manner), .home = setup_.home});
    if (!in) return std::unexpected{std::move(in.error())};
    in_.emplace(std::move(*in));
    return {};
  }
  [[nodiscard]] bool send(std::span<std::byte> message) {
    if constexpr (copies == Copies::yes) {
      auto sent = out_->publish(message);
      return sent || fail(std::move(sent.error()));
    } else {
      auto loan = out_->loan(message.size());
      if (!loan) return fail(std::move(loan.error()));
      auto& room = loan->template as<Loan<Payload>>();
      std::memcpy(room.elements().data(), message.data(), sizeof(Number));
      std::move(room).publish();
      return true;
    }
  }
  [[nodiscard]] bool receive(std::span<std::byte> buffer) {
    auto got = in_->receive();
    if (!got) return fail(std::move(got.error()));
    const auto* const sample = got->template get_if<Sample<Payload>>();
    if (sample == nullptr) return fail(peer_gone("receive"));
    return take_from<copies>(**sample, buffer) || fail(wrong_size());
  }

 private:
  CarrierSetup setup_;
  std::optional<Subscriber<Payload>> in_;
  std::optional<Publisher<Payload>> out_;
};

template <Copies copies>
class Latests : public KeepsFailure {
 public:
  explicit Latests(CarrierSetup setup) : setup_{std::move(setup)} {}
  [[nodiscard]] static Result<std::unique_ptr<Latests>> make(const CarrierSetup& setup) {
    return std::make_unique<Latests>(setup);
  }
  [[nodiscard]] Result<void> prepare(Side side) {
    auto out = LatestWriter<Payload>::create(std::string{there_or_back(side)},
                                             {.readers = 2, .value_size = Bytes{setup_.size}, .home = setup_.home});
    if (!out) return std::unexpected{std::move(out.error())};
    out_.emplace(std::move(*out));
    return {};
  }
  [[nodiscard]] Result<void> open(Side side) {
    auto in = LatestReader<Payload>::open(std::string{there_or_back(other(side))},
                                          {.waiting = waiting_of(setup_.manner), .home = setup_.home});
    if (!in) return std::unexpected{std::move(in.error())};
    in_.emplace(std::move(*in));
    return {};
  }
  [[nodiscard]] bool send(std::span<std::byte> message) {
    if constexpr (copies == Copies::yes) {
      auto set = out_->set(message);
      return set || fail(std::move(set.error()));
    } else {
      auto loan = out_->loan();
      if (!loan) return fail(std::move(loan.error()));
      std::memcpy(loan->elements().data(), message.data(), sizeof(Number));
      std::move(*loan).set(message.size());
      return true;
    }
  }
  [[nodiscard]] bool receive(std::span<std::byte> buffer) {
    auto got = in_->wait_for_newer();
    if (!got) return fail(std::move(got.error()));
    const auto* const sample = got->template get_if<Sample<Payload>>();
    if (sample == nullptr) return fail(peer_gone("wait_for_newer"));
    return take_from<copies>(**sample, buffer) || fail(wrong_size());
  }

 private:
  CarrierSetup setup_;
  std::optional<LatestReader<Payload>> in_;
  std::optional<LatestWriter<Payload>> out_;
};

class Queues : public KeepsFailure {
 public:
  explicit Queues(CarrierSetup setup) : setup_{std::move(setup)} {}
  [[nodiscard]] static Result<std::unique_ptr<Queues>> make(const CarrierSetup& setup) {
    return std::make_unique<Queues>(setup);
  }
  [[nodiscard]] Result<void> prepare(Side side) {
    if (auto opened = open_into(out_, side); !opened) return opened;
    return open_into(in_, other(side));
  }
  [[nodiscard]] Result<void> open(Side) { return {}; }
  [[nodiscard]] bool send(std::span<std::byte> message) {
    auto pushed = out_->push(message);
    return pushed || fail(std::move(pushed.error()));
  }
  [[nodiscard]] bool receive(std::span<std::byte> buffer) {
    auto got = in_->pop();
    if (!got) return fail(std::move(got.error()));
    auto& popped = got->as<Popped<Payload>>();
    const bool whole = take_from<Copies::yes>(*popped, buffer);
    popped.ack();
    return whole || fail(wrong_size());
  }

 private:
  [[nodiscard]] Result<void> open_into(std::optional<Queue<Payload>>& end, Side sender) {
    constexpr std::size_t together = std::size_t{8} << 20U;
    const auto slots = static_cast<std::uint32_t>(std::clamp<std::size_t>(together / setup_.size, 4, 1024));
    auto queue = Queue<Payload>::open(std::string{there_or_back(sender)}, {.slots = slots,
                                                                           .message_size = Bytes{setup_.size},
                                                                           .waiting = waiting_of(setup_.manner),
                                                                           .home = setup_.home});
    if (!queue) return std::unexpected{std::move(queue.error())};
    end.emplace(std::move(*queue));
    return {};
  }
  CarrierSetup setup_;
  std::optional<Queue<Payload>> in_;
  std::optional<Queue<Payload>> out_;
};

class Channels : public KeepsFailure {
 public:
  explicit Channels(CarrierSetup setup) : setup_{std::move(setup)} {}
  [[nodiscard]] static Result<std::unique_ptr<Channels>> make(const CarrierSetup& setup) {
    return std::make_unique<Channels>(setup);
  }
  [[nodiscard]] Result<void> prepare(Side side) {
    if (side == Side::first) return {};
    ChannelListenOptions options;
    options.capacity = ring_for(setup_.size);
    options.waiting = waiting_of(setup_.manner);
    auto door = ChannelListener<Payload>::listen(path(), options);
    if (!door) return std::unexpected{std::move(door.error())};
    door_.emplace(std::move(*door));
    return {};
  }
  [[nodiscard]] Result<void> open(Side side) {
    if (side == Side::first) {
      auto end = Channel<Payload>::connect(
          path(), ChannelOptions{.capacity = ring_for(setup_.size), .waiting = waiting_of(setup_.manner)});
      if (!end) return std::unexpected{std::move(end.error())};
      end_.emplace(std::move(*end));
      return {};
    }
    auto accepted = door_->accept();
    if (!accepted) return std::unexpected{std::move(accepted.error())};
    if (!accepted->is<Channel<Payload>>()) return std::unexpected{peer_gone("accept")};
    end_.emplace(std::move(accepted->as<Channel<Payload>>()));
    return {};
  }
  [[nodiscard]] bool send(std::span<std::byte> message) {
    auto sent = end_->send(message);
    if (!sent) return fail(std::move(sent.error()));
    return sent->is<Done>() || fail(peer_gone("send"));
  }
  [[nodiscard]] bool receive(std::span<std::byte> buffer) {
    auto got = end_->receive();
    if (!got) return fail(std::move(got.error()));
    const auto* const message = got->get_if<Incoming<Payload>>();
    if (message == nullptr) return fail(peer_gone("receive"));
    return take_from<Copies::yes>(message->in_place(), buffer) || fail(wrong_size());
  }

 private:
  [[nodiscard]] std::string path() const { return setup_.home + "/channel"; }
  CarrierSetup setup_;
  std::optional<ChannelListener<Payload>> door_;
  std::optional<Channel<Payload>> end_;
};

/// The first side calls, the second one answers.
class Calls : public KeepsFailure {
 public:
  using Server = Service<Payload, Payload>;
  using Caller = Client<Payload, Payload>;
  explicit Calls(CarrierSetup setup) : setup_{std::move(setup)} {}
  [[nodiscard]] static Result<std::unique_ptr<Calls>> make(const CarrierSetup& setup) {
    return std::make_unique<Calls>(setup);
  }
  [[nodiscard]] Result<void> prepare(Side side) {
    side_ = side;
    if (side == Side::first) return {};
    ChannelListenOptions options;
    options.capacity = ring_for(setup_.size);
    options.waiting = waiting_of(setup_.manner);
    auto server = Server::listen(path(), options);
    if (!server) return std::unexpected{std::move(server.error())};
    server_.emplace(std::move(*server));
    return {};
  }
  [[nodiscard]] Result<void> open(Side) { return {}; }
  /// Of the first side: what is to be asked; it goes off with receive(), which waits for the answer. The last message has no answer.
  [[nodiscard]] bool send(std::span<std::byte> message) {
    if (side_ == Side::second) {
      auto answered = request_->answer(message);
      request_.reset();
      return answered || fail(std::move(answered.error()));
    }
    asked_ = message;
    return number_of(message) != stop_number || call({});
  }
  [[nodiscard]] bool receive(std::span<std::byte> buffer) {
    return side_ == Side::second ? next(buffer) : call(buffer);
  }

 private:
  [[nodiscard]] std::string path() const { return setup_.home + "/service"; }
  /// A service lets clients in only while it looks for requests: so the client connects with its first call.
  [[nodiscard]] bool connect() {
    auto client = Caller::connect(path(), {.capacity = ring_for(setup_.size), .waiting = waiting_of(setup_.manner)});
    if (!client) return fail(std::move(client.error()));
    client_.emplace(std::move(*client));
    return true;
  }
  [[nodiscard]] bool call(std::span<std::byte> buffer) {
    if (!client_ && !connect()) return false;
    auto called = client_->call(asked_);
    if (!called) return fail(std::move(called.error()));
    if (buffer.empty()) return true;
    const auto* const answer = called->get_if<Incoming<Payload>>();
    if (answer == nullptr) return fail(peer_gone("call"));
    return take_from<Copies::yes>(answer->in_place(), buffer) || fail(wrong_size());
  }
  [[nodiscard]] bool next(std::span<std::byte> buffer) {
    auto next = server_->next();
    if (!next) return fail(std::move(next.error()));
    auto* const request = next->get_if<Request<Payload, Payload>>();
    if (request == nullptr) return fail(peer_gone("next"));
    request_.emplace(std::move(*request));
    if (!take_from<Copies::yes>(**request_, buffer)) return fail(wrong_size());
    return number_of(buffer) != stop_number || send(buffer);
  }

  CarrierSetup setup_;
  Side side_ = Side::first;
  std::optional<Server> server_;
  std::optional<Request<Payload, Payload>> request_;
  std::optional<Caller> client_;
  std::span<std::byte> asked_;
};

constexpr Manners all_manners{.sleeping = true, .adaptive = true, .polling = true};

}  // namespace

void add_messaging(std::vector<CarrierKind>& kinds) {
  const auto add = [&](CarrierKind kind) {
    kind.manners = all_manners;
    kinds.push_back(std::move(kind));
  };
  add({.name = "topic", .mechanism = "topic", .make = CarrierOf<Topics<Copies::yes>>::make});
  add({.name = "topic, in place", .mechanism = "topic", .in_place = true, .make = CarrierOf<Topics<Copies::no>>::make});
  add({.name = "latest", .mechanism = "latest", .loses = true, .make = CarrierOf<Latests<Copies::yes>>::make});
  add({.name = "latest, in place",
       .mechanism = "latest",
       .in_place = true,
       .loses = true,
       .make = CarrierOf<Latests<Copies::no>>::make});
  add({.name = "queue", .mechanism = "queue", .make = CarrierOf<Queues>::make});
  add({.name = "channel", .mechanism = "channel", .make = CarrierOf<Channels>::make});
  add({.name = "service", .mechanism = "service", .one_way = false, .make = CarrierOf<Calls>::make});
}

}  // namespace ginnel::measure
