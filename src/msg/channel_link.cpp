#include "channel_link.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <span>

#include "ginnel/sys/ancillary.hpp"
#include "ginnel/sys/io.hpp"

namespace ginnel::detail {
namespace {

constexpr Seals seals_of_memory = Seals::shrink | Seals::grow | Seals::future_write;
constexpr std::size_t descriptors_of_hello = 2;  // the memory, the process

/// The memory of one end, not yet given away.
struct OwnSide {
  Memfd memory;
  MirroredMapping mapping;
  RingShape shape;
};

Result<RingShape> shape_for(const ChannelTerms& terms) {
  const MessageType& type = terms.sends;
  const auto refuse = [&](const std::string& why) {
    return std::unexpected{Error{EINVAL, "make a ring", terms.address, why}};
  };
  if (type.alignment > largest_channel_alignment)
    return refuse("messages are aligned to at most " + std::to_string(largest_channel_alignment) + " bytes, and " +
                  type.name + " wants " + std::to_string(type.alignment));
  if (terms.capacity.count() > largest_channel_ring)
    return refuse("a ring has at most " + Bytes{largest_channel_ring}.to_string() + ", not " +
                  terms.capacity.to_string());
  RingShape shape{.capacity = std::bit_ceil(std::max(terms.capacity.count(), smallest_channel_ring)),
                  .alignment = std::max<std::uint64_t>(word_bytes, type.alignment)};
  const std::uint64_t largest = type.sequence ? 0 : terms.head_bytes + type.size;
  while (largest > shape.largest_payload() && shape.capacity < largest_channel_ring) shape.capacity *= 2;
  if (largest > shape.largest_payload())
    return refuse("a message has at most " + std::to_string(shape.largest_payload()) + " bytes, and " + type.name +
                  " has " + std::to_string(type.size));
  return shape;
}

/// Mapped for writing first and sealed then: nobody can map it for writing ever after.
Result<OwnSide> make_side(const ChannelTerms& terms) {
  const auto shape = shape_for(terms);
  if (!shape) return std::unexpected{shape.error()};
  auto memory = Memfd::create("ginnel-channel", Bytes{page_bytes + shape->capacity});
  if (!memory) return std::unexpected{memory.error()};
  auto mapping =
      MirroredMapping::map(memory->descriptor(), Bytes{page_bytes}, Bytes{shape->capacity}, FileAccess::read_write);
  if (!mapping) return std::unexpected{mapping.error()};
  if (auto sealed = memory->add_seals(seals_of_memory); !sealed) return std::unexpected{sealed.error()};
  auto& page = *reinterpret_cast<ChannelPage*>(mapping->head());
  page.start = {.magic = channel_magic, .version = format_version, .header_bytes = page_bytes};
  page.capacity = shape->capacity;
  page.alignment = shape->alignment;
  return OwnSide{.memory = std::move(*memory), .mapping = std::move(*mapping), .shape = *shape};
}

ChannelHello hello_of(const ChannelTerms& terms) noexcept {
  ChannelHello hello{};
  hello.start = {.magic = hello_magic, .version = format_version, .header_bytes = sizeof(ChannelHello)};
  hello.sends = stamp_of(terms.sends);
  hello.receives = stamp_of(terms.receives);
  return hello;
}

Result<Outcome<Done, PeerGone, TimedOut>> send_hello(int socket, const ChannelTerms& terms, const OwnSide& side,
                                                     const Process& self, Deadline deadline) {
  ChannelHello hello = hello_of(terms);
  hello.capacity = side.shape.capacity;
  hello.alignment = side.shape.alignment;
  const std::array descriptors{side.memory.descriptor(), self.pollable()};
  auto sent = send_descriptors(socket, std::as_bytes(std::span{&hello, 1}), descriptors, deadline);
  if (!sent) return std::unexpected{sent.error()};
  if (sent->is<TimedOut>()) return TimedOut{};
  if (sent->is<PeerGone>()) return PeerGone{};
  if (sent->is<TooManyInFlight>())
    return std::unexpected{Error{ETOOMANYREFS, "connect", terms.address,
                                 "too many of this user's descriptors are on their way to others; try again"}};
  return Done{};
}

void send_refusal(int socket, const ChannelTerms& terms, int code) {
  ChannelHello hello = hello_of(terms);
  hello.refusal = static_cast<std::uint32_t>(code);
  static_cast<void>(send_descriptors(socket, std::as_bytes(std::span{&hello, 1}), {}, Deadline::immediately()));
}

struct ReceivedHello {
  ChannelHello hello{};
  std::vector<UniqueFd> descriptors;
};

Result<Outcome<ReceivedHello, EndOfStream, TimedOut>> receive_hello(int socket, const std::string& address,
                                                                    Deadline deadline) {
  std::array<std::byte, sizeof(ChannelHello)> buffer{};
  auto received = receive_descriptors(socket, buffer, deadline);
  if (!received && received.error().code() == ECONNRESET) return EndOfStream{};
  if (!received) return std::unexpected{std::move(received.error()).with_object(address)};
  if (received->is<EndOfStream>()) return EndOfStream{};
  if (received->is<TimedOut>()) return TimedOut{};
  auto& message = received->as<ReceivedWithDescriptors>();
  ReceivedHello got{.descriptors = std::move(message.descriptors)};
  if (message.bytes < sizeof(FileStart))
    return std::unexpected{Error{EBADMSG, "connect", address, "the other side speaks no protocol of ginnel's"}};
  std::memcpy(&got.hello, buffer.data(), message.bytes);
  return got;
}

/// One that writes or reads bytes of any type, or the very type. `mine` and `told` are of one direction.
bool fits(const MessageType& mine, const TypeStamp& told) {
  if (mine.name.empty() || told.name.front() == '\0') return true;
  return check_type(told, mine, {}).has_value();
}

/// A stranger's words, as they may stand in a message to a terminal.
std::string shown(const TypeStamp& told) {
  MessageType type = type_of(told);
  for (char& c : type.name)
    if (c < ' ' || c > '~') c = '?';
  return type.to_string();
}

Result<void> check_hello(const ChannelHello& hello, const ChannelTerms& terms) {
  const auto refuse = [&](int code, const std::string& why) {
    return std::unexpected{Error{code, "connect", terms.address, why}};
  };
  if (hello.start.magic != hello_magic) return refuse(EBADMSG, "the other side speaks no protocol of ginnel's");
  if (hello.start.version != format_version || hello.start.header_bytes != sizeof(ChannelHello))
    return refuse(EBADMSG, "the other side has version " + std::to_string(hello.start.version) +
                               " of the protocol, and this program has " + std::to_string(format_version) +
                               ": build both sides with the same ginnel");
  if (!fits(terms.receives, hello.sends))
    return refuse(EPROTOTYPE, "the other side sends " + shown(hello.sends) + ", and this program receives " +
                                  terms.receives.to_string() + ": build both sides from one definition");
  if (!fits(terms.sends, hello.receives))
    return refuse(EPROTOTYPE, "the other side receives " + shown(hello.receives) + ", and this program sends " +
                                  terms.sends.to_string() + ": build both sides from one definition");
  if (hello.refusal != 0)
    return refuse(static_cast<int>(hello.refusal & 0xfffU),
                  "the other side would not: " + errno_name(static_cast<int>(hello.refusal & 0xfffU)));
  return {};
}

Result<RingShape> check_shape(const ChannelHello& hello, const ChannelTerms& terms) {
  const RingShape shape{.capacity = hello.capacity, .alignment = hello.alignment};
  const bool good = std::has_single_bit(shape.capacity) && shape.capacity >= smallest_channel_ring &&
                    shape.capacity <= largest_channel_ring && std::has_single_bit(shape.alignment) &&
                    shape.alignment >= word_bytes && shape.alignment <= largest_channel_alignment;
  if (!good)
    return std::unexpected{Error{EBADMSG, "connect", terms.address, "the other side's ring has no possible shape"}};
  if (shape.alignment < terms.receives.alignment)
    return std::unexpected{Error{EPROTOTYPE, "connect", terms.address,
                                 "the other side's messages are aligned to " + std::to_string(shape.alignment) +
                                     " bytes, and " + terms.receives.to_string() + " wants " +
                                     std::to_string(terms.receives.alignment)}};
  return shape;
}

/// What came from a stranger: how many, of what kind, sealed, of the right size; and only then mapped.
Result<MirroredMapping> map_theirs(UniqueFd memory, const RingShape& shape, const std::string& address) {
  const Bytes size{page_bytes + shape.capacity};
  auto adopted = Memfd::adopt(std::move(memory), seals_of_memory, size);
  if (!adopted) return std::unexpected{std::move(adopted.error()).with_object(address)};
  const auto real = adopted->size();
  if (!real) return std::unexpected{real.error()};
  if (*real != size)
    return std::unexpected{
        Error{EBADMSG, "connect", address,
              "the other side's memory has " + real->to_string() + " and should have " + size.to_string()}};
  auto mapping =
      MirroredMapping::map(adopted->descriptor(), Bytes{page_bytes}, Bytes{shape.capacity}, FileAccess::read_only);
  if (!mapping) return std::unexpected{std::move(mapping.error()).with_object(address)};
  return mapping;
}

struct TheirSide {
  MirroredMapping mapping;
  RingShape shape;
  UniqueFd process;
};

Result<TheirSide> adopt_side(ReceivedHello& received, const ChannelTerms& terms) {
  const auto shape = check_shape(received.hello, terms);
  if (!shape) return std::unexpected{shape.error()};
  if (received.descriptors.size() != descriptors_of_hello)
    return std::unexpected{Error{EBADMSG, "connect", terms.address,
                                 std::to_string(received.descriptors.size()) +
                                     " descriptors came with the other side's first message, and there are to be " +
                                     std::to_string(descriptors_of_hello)}};
  auto mapping = map_theirs(std::move(received.descriptors[0]), *shape, terms.address);
  if (!mapping) return std::unexpected{mapping.error()};
  auto kind = descriptor_kind(received.descriptors[1].get());
  if (!kind) return std::unexpected{std::move(kind.error()).with_object(terms.address)};
  if (*kind != DescriptorKind::pidfd)
    return std::unexpected{Error{EBADMSG, "connect", terms.address,
                                 "what should be the other side's process is a " + std::string{to_string(*kind)}}};
  return TheirSide{.mapping = std::move(*mapping), .shape = *shape, .process = std::move(received.descriptors[1])};
}

ChannelLink link_of(UniqueFd socket, const Credentials& peer, const ChannelTerms& terms, OwnSide own,
                    TheirSide theirs) {
  return {.socket = std::move(socket),
          .peer_process = std::move(theirs.process),
          .peer = peer,
          .address = terms.address,
          .own = std::move(own.mapping),
          .own_shape = own.shape,
          .theirs = std::move(theirs.mapping),
          .their_shape = theirs.shape};
}

Error closed_instead(const ChannelTerms& terms) {
  return {ECONNRESET, "connect", terms.address,
          "the other side closed the connection: it does not admit this user, takes no more, or has ended"};
}

Error gave_up(const ChannelTerms& terms) {
  return {ECONNRESET, "accept", terms.address, "the peer closed before it was let in"};
}

}  // namespace

bool ChannelLink::peer_is_gone() const {
  if (their_page().closed.load(std::memory_order_acquire) != 0 || peer_has_closed(socket.get())) return true;
  const auto ended = wait_ready(peer_process.get(), Interest::readable, Deadline::immediately());
  return ended && ended->is<Done>();
}

Result<Outcome<ChannelLink, TimedOut>> connect_channel(const UnixAddress& address, const ChannelTerms& terms,
                                                       Deadline deadline) {
  const auto self = Process::self();
  if (!self) return std::unexpected{self.error()};
  auto own = make_side(terms);
  if (!own) return std::unexpected{own.error()};
  auto connected = UnixSeqpacket::connect(address, deadline);
  if (!connected) return std::unexpected{connected.error()};
  if (connected->is<TimedOut>()) return TimedOut{};
  UniqueFd socket = std::move(connected->as<UnixSeqpacket>()).release();
  const auto peer = peer_credentials(socket.get());
  if (!peer) return std::unexpected{peer.error()};
  auto sent = send_hello(socket.get(), terms, *own, *self, deadline);
  if (!sent) return std::unexpected{sent.error()};
  if (sent->is<TimedOut>()) return TimedOut{};
  if (sent->is<PeerGone>()) return std::unexpected{closed_instead(terms)};

  auto answered = receive_hello(socket.get(), terms.address, deadline);
  if (!answered) return std::unexpected{answered.error()};
  if (answered->is<TimedOut>()) return TimedOut{};
  if (answered->is<EndOfStream>()) return std::unexpected{closed_instead(terms)};
  auto& hello = answered->as<ReceivedHello>();
  if (auto good = check_hello(hello.hello, terms); !good) return std::unexpected{good.error()};
  auto theirs = adopt_side(hello, terms);
  if (!theirs) return std::unexpected{theirs.error()};
  return link_of(std::move(socket), *peer, terms, std::move(*own), std::move(*theirs));
}

Result<Outcome<ChannelLink, TimedOut>> answer_hello(UniqueFd& socket, const Credentials& peer, const Process& self,
                                                    const ChannelTerms& terms) {
  const auto refuse = [&](const Error& why) -> Result<Outcome<ChannelLink, TimedOut>> {
    send_refusal(socket.get(), terms, why.code());
    return std::unexpected{why};
  };
  auto received = receive_hello(socket.get(), terms.address, Deadline::immediately());
  if (!received) return refuse(received.error());
  if (received->is<TimedOut>()) return TimedOut{};
  if (received->is<EndOfStream>()) return std::unexpected{gave_up(terms)};
  auto& hello = received->as<ReceivedHello>();
  if (auto good = check_hello(hello.hello, terms); !good) return refuse(good.error());
  auto theirs = adopt_side(hello, terms);
  if (!theirs) return refuse(theirs.error());
  auto own = make_side(terms);
  if (!own) return refuse(own.error());
  auto sent = send_hello(socket.get(), terms, *own, self, Deadline::immediately());
  if (!sent) return std::unexpected{sent.error()};
  if (sent->is<PeerGone>()) return std::unexpected{gave_up(terms)};
  if (sent->is<TimedOut>())
    return std::unexpected{Error{ENOBUFS, "accept", terms.address, "there is no room for the first message"}};
  return link_of(std::move(socket), peer, terms, std::move(*own), std::move(*theirs));
}

}  // namespace ginnel::detail
