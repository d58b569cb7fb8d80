#include "endpoints/bytes.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>
#include <utility>

#include "ginnel/sys/fifo.hpp"
#include "ginnel/sys/io.hpp"

namespace ginnel::cli {
namespace {

using Opened = Result<Outcome<ByteEnd, TimedOut>>;

Opened open_fifo(const Address& address, Direction direction, Deadline deadline) {
  if (direction == Direction::send) {
    auto opened = open_fifo_writer(address.name, deadline);
    if (!opened) return std::unexpected{opened.error()};
    if (opened->is<TimedOut>()) return TimedOut{};
    UniqueFd fifo = std::move(*opened).as<UniqueFd>();
    const int fd = fifo.get();
    return ByteEnd{.owned = std::move(fifo), .in = -1, .out = fd};
  }
  auto fifo = open_fifo_reader(address.name);
  if (!fifo) return std::unexpected{fifo.error()};
  // Before the first writer a read finds the end of a stream that has not begun.
  auto writer = wait_ready(fifo->get(), Interest::readable, deadline);
  if (!writer) return std::unexpected{writer.error()};
  if (writer->is<TimedOut>()) return TimedOut{};
  const int fd = fifo->get();
  return ByteEnd{.owned = std::move(*fifo), .in = fd, .out = -1};
}

Opened open_socket(const Address& address, const ListenOptions* listen, Deadline deadline) {
  auto opened = listen != nullptr ? accept_one(address, *listen, deadline) : connect_to(address, deadline);
  if (!opened) return std::unexpected{opened.error()};
  if (opened->is<TimedOut>()) return TimedOut{};
  UniqueFd socket = std::move(*opened).as<UniqueFd>();
  const int fd = socket.get();
  return ByteEnd{.owned = std::move(socket), .in = fd, .out = fd};
}

Opened open_inherited(const Address& address, Direction direction) {
  const int flags = ::fcntl(address.fd, F_GETFL);
  if (flags < 0)
    return std::unexpected{Error::last("fcntl", address.to_string())
                               .with_hint("no such descriptor is open here: the shell opens it, as in 3<file")};
  const int access = flags & O_ACCMODE;
  ByteEnd end;
  if (access != O_WRONLY) end.in = address.fd;
  if (access != O_RDONLY) end.out = address.fd;
  if ((direction == Direction::receive && end.in < 0) || (direction == Direction::send && end.out < 0))
    return std::unexpected{Error{EBADF, "address", address.to_string(),
                                 direction == Direction::send ? "that descriptor is open for reading only"
                                                              : "that descriptor is open for writing only"}};
  return end;
}

/// The name of `fd N`, or the text as it stands.
std::string named(const std::string& text, std::initializer_list<NamedDescriptor> names) {
  for (const NamedDescriptor& known : names)
    if (text == "fd " + std::to_string(known.fd)) return known.name;
  return text;
}

}  // namespace

Opened open_bytes(const Address& address, Direction direction, Direction otherwise, const ListenOptions* listen,
                  Deadline deadline) {
  switch (address.kind) {
    case AddressKind::fifo:
      return open_fifo(address, direction == Direction::both ? otherwise : direction, deadline);
    case AddressKind::unix_stream:
      return open_socket(address, listen, deadline);
    case AddressKind::descriptor:
      return open_inherited(address, direction);
    default:
      return ByteEnd{.owned = {}, .in = STDIN_FILENO, .out = STDOUT_FILENO};
  }
}

std::string input_name(const Address& address) {
  return address.kind == AddressKind::standard_stream ? "standard input" : address.to_string();
}

std::string output_name(const Address& address) {
  return address.kind == AddressKind::standard_stream ? "standard output" : address.to_string();
}

Error with_names(Error error, std::initializer_list<NamedDescriptor> names) {
  constexpr std::string_view between = " to ";
  const std::string object = error.object();
  const auto middle = object.find(between);
  if (middle == std::string::npos) return std::move(error).with_object(named(object, names));
  return std::move(error).with_object(named(object.substr(0, middle), names) + std::string{between} +
                                      named(object.substr(middle + between.size()), names));
}

}  // namespace ginnel::cli
