#include <algorithm>
#include <array>
#include <cstdio>
#include <vector>

#include "endpoints/objects.hpp"
#include "ginnel/msg/queue.hpp"
#include "ginnel/sys/fifo.hpp"
#include "ginnel/sys/posix_queue.hpp"
#include "ginnel/sys/posix_semaphore.hpp"
#include "ginnel/sys/posix_shm.hpp"
#include "ginnel/sys/sysv_queue.hpp"
#include "ginnel/sys/sysv_semaphore.hpp"
#include "ginnel/sys/sysv_shm.hpp"
#include "usage_error.hpp"

namespace ginnel::cli {
namespace {

std::string octal(mode_t mode) {
  std::array<char, 8> text{};
  std::snprintf(text.data(), text.size(), "%04o", mode);
  return text.data();
}

mode_t mode_of(const MakeRequest& request) {
  constexpr mode_t for_its_owner = 0600;
  return request.mode.value_or(for_its_owner);
}

Result<Made> make_fifo(const Address& address, const MakeRequest& request) {
  auto made = create_fifo(address.name, {.mode = mode_of(request), .exclusive = true});
  if (!made) return std::unexpected{made.error()};
  return Made{address, {}, {}};
}

Result<Made> make_posix_queue(const Address& address, const MakeRequest& request) {
  PosixQueueOptions options;
  options.mode = mode_of(request);
  options.messages = request.messages.value_or(options.messages);
  options.message_size = request.size.value_or(options.message_size);
  auto queue = PosixQueue::create(address.name, options);
  if (!queue) return std::unexpected{queue.error()};
  return Made{address, {}, {{"messages", options.messages}, {"message_size", options.message_size.count()}}};
}

/// System V objects have a number besides the key.
template <class Object>
Result<Made> made_sysv(const Address& address, const Result<Object>& object, Json facts) {
  if (!object) return std::unexpected{object.error()};
  return Made{address, object->id(), std::move(facts)};
}

Result<Made> make_sysv_queue(const Address& address, const MakeRequest& request) {
  return made_sysv(address, SysvQueue::create(address.sysv.key, {.mode = mode_of(request), .exclusive = true}), {});
}

Result<Made> make_posix_shm(const Address& address, const MakeRequest& request) {
  if (!request.size)
    return std::unexpected{usage_error(address.to_string(), "how large? give --size, such as --size 1M")};
  auto shm = PosixShm::create(address.name, *request.size, mode_of(request));
  if (!shm) return std::unexpected{shm.error()};
  return Made{address, {}, {{"size", request.size->count()}}};
}

Result<Made> make_sysv_shm(const Address& address, const MakeRequest& request) {
  if (!request.size)
    return std::unexpected{usage_error(address.to_string(), "how large? give --size, such as --size 1M")};
  const SysvShmOptions options{
      .mode = mode_of(request), .exclusive = true, .huge = request.huge.value_or(HugePages::none)};
  return made_sysv(address, SysvShm::create(address.sysv.key, *request.size, options),
                   {{"size", request.size->count()}});
}

Result<Made> make_posix_semaphore(const Address& address, const MakeRequest& request) {
  const unsigned count = request.count.value_or(0);
  auto semaphore = PosixSemaphore::create(address.name, {.count = count, .mode = mode_of(request), .exclusive = true});
  if (!semaphore) return std::unexpected{semaphore.error()};
  return Made{address, {}, {{"count", count}}};
}

Result<Made> make_sysv_semaphore(const Address& address, const MakeRequest& request) {
  const unsigned count = request.count.value_or(0);
  if (count > SysvSemaphoreSet::value_max)
    return std::unexpected{usage_error(address.to_string(), "--count is at most 32767 for a System V semaphore")};
  const std::array values{static_cast<unsigned short>(count)};
  return made_sysv(address,
                   SysvSemaphoreSet::create(address.sysv.key, values, {.mode = mode_of(request), .exclusive = true}),
                   {{"count", count}});
}

Result<Made> make_queue(const Address& address, const MakeRequest& request) {
  QueueOptions options;
  const auto most = static_cast<long>(detail::QueueShape::most_slots);
  if (request.messages && (*request.messages < 1 || *request.messages > most))
    return std::unexpected{
        usage_error(address.to_string(), "--messages is 1 to " + std::to_string(most) + " for a queue")};
  if (request.messages) options.slots = static_cast<std::uint32_t>(*request.messages);
  options.priorities = request.priorities.value_or(options.priorities);
  options.message_size = request.size.value_or(options.message_size);
  auto queue = Queue<std::byte[]>::create(address.name, options);
  if (!queue) return std::unexpected{queue.error()};
  return Made{address,
              {},
              {{"messages", options.slots},
               {"message_size", options.message_size.count()},
               {"priorities", options.priorities}}};
}

/// What a kind can be asked for.
struct Maker {
  AddressKind kind;
  Result<Made> (*make)(const Address&, const MakeRequest&);
  bool mode = true;
  bool messages = false;
  bool priorities = false;
  bool size = false;
  bool count = false;
  bool huge = false;
};

constexpr std::array makers{
    Maker{.kind = AddressKind::fifo, .make = make_fifo},
    Maker{.kind = AddressKind::posix_queue, .make = make_posix_queue, .messages = true, .size = true},
    Maker{.kind = AddressKind::sysv_queue, .make = make_sysv_queue},
    Maker{.kind = AddressKind::posix_shm, .make = make_posix_shm, .size = true},
    Maker{.kind = AddressKind::sysv_shm, .make = make_sysv_shm, .size = true, .huge = true},
    Maker{.kind = AddressKind::posix_semaphore, .make = make_posix_semaphore, .count = true},
    Maker{.kind = AddressKind::sysv_semaphore, .make = make_sysv_semaphore, .count = true},
    Maker{.kind = AddressKind::queue,
          .make = make_queue,
          .mode = false,
          .messages = true,
          .priorities = true,
          .size = true},
};

std::string_view why_not_made(AddressKind kind) {
  switch (kind) {
    case AddressKind::unix_stream:
    case AddressKind::unix_seqpacket:
    case AddressKind::unix_datagram:
      return "a socket lives with its listener: see 'ginnel recv --listen' and 'ginnel relay --listen'";
    case AddressKind::lock:
      return "a lock file is made by whoever first takes the lock: see 'ginnel lock'";
    case AddressKind::topic:
      return "a topic is made by its first writer or reader: see 'ginnel send' and 'ginnel recv'";
    case AddressKind::latest:
      return "a newest value is made by its first writer or reader: see 'ginnel send' and 'ginnel recv'";
    case AddressKind::channel:
      return "a channel lives with its two ends: see 'ginnel recv --listen' and 'ginnel relay --listen'";
    default:
      return "can be made: fifo, mq, sysv-msg, shm, sysv-shm, sem, sysv-sem, queue";
  }
}

Result<void> check(const Maker& maker, const Address& address, const MakeRequest& request) {
  const auto stray = [&](std::string_view option) {
    return std::unexpected{usage_error(
        address.to_string(), std::string{option} + " has no meaning for " + std::string{scheme(address.kind)})};
  };
  if (request.mode && !maker.mode)
    return std::unexpected{usage_error(address.to_string(), "its rights are those of the directory it lives in")};
  if (request.messages && !maker.messages) return stray("--messages");
  if (request.priorities && !maker.priorities) return stray("--priorities");
  if (request.size && !maker.size) return stray("--size");
  if (request.count && !maker.count) return stray("--count");
  if (request.huge && !maker.huge) return stray("--huge");
  if (address.sysv.id)
    return std::unexpected{usage_error(address.to_string(), "the kernel gives the id; name a key, such as 0x51")};
  return {};
}

}  // namespace

Result<Made> make_object(const Address& address, const MakeRequest& request) {
  const auto* const maker = std::ranges::find(makers, address.kind, &Maker::kind);
  if (maker == makers.end()) return std::unexpected{usage_error(address.to_string(), why_not_made(address.kind))};
  if (auto fits = check(*maker, address, request); !fits) return std::unexpected{fits.error()};
  auto made = maker->make(address, request);
  if (made && maker->mode) made->facts["mode"] = octal(mode_of(request));
  return made;
}

}  // namespace ginnel::cli
