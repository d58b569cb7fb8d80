#include "landmarks.hpp"

#include "ginnel/sys/directory.hpp"
#include "ginnel/sys/eventfd.hpp"
#include "ginnel/sys/memfd.hpp"
#include "ginnel/sys/pipe.hpp"
#include "ginnel/sys/unix_socket.hpp"

namespace ginnel::inventory {

Result<Landmarks> find_landmarks() {
  const auto pipe = Pipe::create();
  if (!pipe) return std::unexpected{pipe.error()};
  const auto eventfd = Eventfd::create();
  if (!eventfd) return std::unexpected{eventfd.error()};
  const auto memfd = Memfd::create("ginnel-landmark", Bytes{1});
  if (!memfd) return std::unexpected{memfd.error()};

  const auto pair = UnixStream::pair();
  if (!pair) return std::unexpected{pair.error()};

  const auto pipes = file_status(pipe->read_end.get());
  const auto anonymous = file_status(eventfd->pollable());
  const auto memory = file_status(memfd->descriptor());
  const auto sockets = file_status(pair->first.pollable());
  for (const auto* status : {&pipes, &anonymous, &memory, &sockets})
    if (!*status) return std::unexpected{status->error()};
  return Landmarks{
      .pipes = pipes->device, .anonymous = anonymous->device, .sockets = sockets->device, .memory = memory->device};
}

}  // namespace ginnel::inventory
