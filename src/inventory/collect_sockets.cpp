#include <unordered_set>

#include "scene.hpp"
#include "words.hpp"

namespace ginnel::inventory {
namespace {

std::string_view scheme(UnixSocketInfo::Type type) noexcept {
  switch (type) {
    case UnixSocketInfo::Type::stream:
      return "unix:";
    case UnixSocketInfo::Type::datagram:
      return "unix-dgram:";
    case UnixSocketInfo::Type::seqpacket:
      return "unix-seq:";
  }
  return "unix:";
}

std::string_view to_string(UnixSocketInfo::State state) noexcept {
  switch (state) {
    case UnixSocketInfo::State::unconnected:
      return "unconnected";
    case UnixSocketInfo::State::listening:
      return "listening";
    case UnixSocketInfo::State::established:
      return "established";
  }
  return "?";
}

constexpr std::string_view no_sender = "the buffer is the sender's, who is not told";

Fill fill_of(const UnixSocketInfo& socket) {
  if (socket.state == UnixSocketInfo::State::listening)
    return {.used = std::uint64_t{socket.receive_queue},
            .capacity = std::uint64_t{socket.send_queue},
            .unit = Unit::connections,
            .writer_blocks = socket.receive_queue > socket.send_queue};
  return {.used = socket.type == UnixSocketInfo::Type::datagram
                      ? Fact<std::uint64_t>::missing("of datagrams the kernel tells the size of the first only")
                      : Fact<std::uint64_t>{socket.receive_queue},
          .capacity = Fact<std::uint64_t>::missing(no_sender),
          .unit = Unit::bytes,
          .writer_blocks = Fact<bool>::missing(no_sender)};
}

/// What waits at one end lies in the buffer of the other, which has sent it. Of datagrams the kernel bounds the number too, and
/// tells neither that nor how many there are: one whose buffer has room may still have to wait.
void add_buffer(Scene& scene, const UnixSocketInfo& sender) {
  const auto place = scene.sockets.find(sender.inode);
  if (place == scene.sockets.end() || sender.state == UnixSocketInfo::State::listening || !sender.send_buffer) return;
  if (sender.send_queue > 0)
    scene.objects.at(place->second)
        .details.push_back({"send-buffer", std::to_string(sender.send_queue) + " of " +
                                               std::to_string(*sender.send_buffer) +
                                               " bytes, the kernel's own included"});
  const auto other = sender.peer ? scene.sockets.find(*sender.peer) : scene.sockets.end();
  if (other == scene.sockets.end() || sender.type == UnixSocketInfo::Type::datagram) return;
  Object& receiver = scene.objects.at(other->second);
  if (!receiver.fill) return;
  receiver.fill->capacity = std::uint64_t{*sender.send_buffer};
  receiver.fill->writer_blocks = sender.send_queue >= *sender.send_buffer;
}

void add_socket(Scene& scene, std::uint64_t space, const UnixSocketInfo& socket) {
  const ObjectId id{
      .kind = Kind::unix_socket, .space = space, .device = 0, .number = socket.inode, .generation = socket.cookie};
  scene.sockets[socket.inode] = id;
  Object& object = scene.objects.at(id);
  if (!socket.name.empty()) object.name = std::string{scheme(socket.type)} + socket.name;
  if (socket.user)
    object.owner = *socket.user;
  else
    object.owner = Fact<std::uint32_t>::missing("told from Linux 5.3");
  object.mode = Fact<std::uint32_t>::missing("a socket has none, its path has");
  object.group = Fact<std::uint32_t>::missing("a socket has none, its path has");
  object.changed = Fact<Time>::missing("the kernel keeps no times of a socket");
  object.creator = Fact<Creator>::missing("the kernel tells it to the peer only");
  object.fill = fill_of(socket);
  object.details.push_back({"type", std::string{scheme(socket.type).substr(0, scheme(socket.type).size() - 1)}});
  object.details.push_back({"state", std::string{to_string(socket.state)}});
  if (socket.type == UnixSocketInfo::Type::datagram && socket.receive_queue > 0)
    object.details.push_back({"first-datagram", std::to_string(socket.receive_queue) + " bytes"});
  if (socket.file)
    object.details.push_back(
        {"bound-file", to_hexadecimal(socket.file->device) + ":" + std::to_string(socket.file->inode)});
}

void connect(Scene& scene, std::uint64_t a, std::uint64_t b) {
  const auto first = scene.sockets.find(a);
  const auto second = scene.sockets.find(b);
  if (first != scene.sockets.end() && second != scene.sockets.end())
    scene.objects.at(first->second).peers.push_back(second->second);
}

/// A path whose socket file is bound by no socket of any network namespace: nobody can ever answer there.
void add_paths(Scene& scene) {
  std::unordered_map<FileKey, const UnixSocketInfo*, HashFileKey> bound;
  std::unordered_set<std::string_view> names;  // which tell of a file only until it is renamed
  for (const auto& [space, sockets] : scene.spaces.network())
    for (const UnixSocketInfo& socket : sockets) {
      if (!socket.file) continue;
      names.insert(socket.name);
      const UnixSocketInfo*& known = bound[{socket.file->device, socket.file->inode}];
      if (known == nullptr || socket.inode != 0) known = &socket;
    }

  for (const NamedFile& file : scene.spaces.files().paths) {
    if (file.status.type != FileType::socket) continue;
    const auto owner = bound.find({file.status.device, file.status.inode});
    if (owner != bound.end()) {
      const auto socket = scene.sockets.find(owner->second->inode);
      if (socket == scene.sockets.end()) continue;  // its last descriptor is being closed
      Object& object = scene.objects.at(socket->second);
      object.mode = file.status.mode;
      object.group = file.status.group;
      continue;
    }
    const bool may_be_bound = !file.kernel_numbers && names.contains(file.path);
    if (may_be_bound) continue;
    Object& object = scene.objects.at({.kind = Kind::unix_socket,
                                       .space = 0,
                                       .device = file.status.device,
                                       .number = file.status.inode,
                                       .generation = file_generation(file.status)});
    object.name = "unix:" + file.path;
    take_file_facts(object, file.status);
    object.creator = Fact<Creator>::missing("the kernel keeps no creator of a file");
    object.fill = Fact<Fill>::missing("no socket is bound to it");
    object.details.push_back({"stale-path", file.path});
    if (!file.kernel_numbers) object.details.push_back(other_numbers);
  }
}

std::size_t in_flight_in(const OpenFile& file) {
  const auto in_flight = value_of(file.info, "scm_fds");
  return in_flight ? to_number<std::size_t>(*in_flight).value_or(0) : 0;
}

void add_in_flight(Scene& scene, Object& object, const OpenFile& file) {
  const std::size_t count = in_flight_in(file);
  if (count == 0) return;
  if (object.detail("in-flight") != nullptr) return;  // the same socket, by another descriptor
  object.details.push_back({"in-flight", std::to_string(count)});
  scene.snapshot.coverage.in_flight += count;
}

}  // namespace

void collect_sockets(Scene& scene) {
  if (!scene.wants(Kind::unix_socket)) return;
  for (const auto& [space, sockets] : scene.spaces.network())
    for (const UnixSocketInfo& socket : sockets)
      if (socket.inode != 0) add_socket(scene, space, socket);
  for (const auto& [space, sockets] : scene.spaces.network())
    for (const UnixSocketInfo& socket : sockets) {
      if (socket.peer) connect(scene, socket.inode, *socket.peer);
      for (const std::uint64_t client : socket.pending) connect(scene, client, socket.inode);
      add_buffer(scene, socket);
    }
  for (const OpenFile& file : scene.census.files) {
    if (file.status.type != FileType::socket) continue;
    const auto socket = scene.sockets.find(file.status.inode);
    if (socket == scene.sockets.end()) {  // no Unix socket, or of a namespace that was not visited
      scene.snapshot.coverage.in_flight += in_flight_in(file);
      continue;
    }
    scene.hold(socket->second, file);
    add_in_flight(scene, scene.objects.at(socket->second), file);
  }
  add_paths(scene);
}

}  // namespace ginnel::inventory
