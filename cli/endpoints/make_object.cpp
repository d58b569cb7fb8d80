#include <algorithm>
#include <array>
#include <cstdio>
#include <vector>

#include "endpoints/objects.hpp"
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

Result<Made> make_fifo(const Address& address, const MakeRequest& request) {
  auto made = create_fifo(address.name, {.mode = request.mode, .exclusive = true});
  if (!made) return std::unexpected{made.error()};
  return Made{address, {}, {}};
}

Result<Made> make_posix_queue(const Address& address, const MakeRequest& request) {
  PosixQueueOptions options;
  options.mode = request.mode;
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
  return made_sysv(address, SysvQueue::create(address.sysv.key, {.mode = request.mode, .exclusive = true}), {});
}

Result<Made> make_posix_shm(const Address& address, const MakeRequest& request) {
  if (!request.size)
    return std::unexpected{usage_error(address.to_string(), "how large? give --size, such as --size 1M")};
  auto shm = PosixShm::create(address.name, *request.size, request.mode);
  if (!shm) return std::unexpected{shm.error()};
  return Made{address, {}, {{"size", request.size->count()}}};
}

Result<Made> make_sysv_shm(const Address& address, const MakeRequest& request) {
  if (!request.size)
    return std::unexpected{usage_error(address.to_string(), "how large? give --size, such as --size 1M")};
  const SysvShmOptions options{.mode = request.mode, .exclusive = true, .huge = request.huge.value_or(HugePages::none)};
  return made_sysv(address, SysvShm::create(address.sysv.key, *request.size, options),
                   {{"size", request.size->count()}});
}

Result<Made> make_posix_semaphore(const Address& address, const MakeRequest& request) {
  const unsigned count = request.count.value_or(0);
  auto semaphore = PosixSemaphore::create(address.name, {.count = count, .mode = request.mode, .exclusive = true});
  if (!semaphore) return std::unexpected{semaphore.error()};
  return Made{address, {}, {{"count", count}}};
}

Result<Made> make_sysv_semaphore(const Address& address, const MakeRequest& request) {
  const unsigned count = request.count.value_or(0);
  if (count > SysvSemaphoreSet::value_max)
    return std::unexpected{usage_error(address.to_string(), "--count is at most 32767 for a System V semaphore")};
  const std::array values{static_cast<unsigned short>(count)};
  return made_sysv(address,
                   SysvSemaphoreSet::create(address.sysv.key, values, {.mode = request.mode, .exclusive = true}),
                   {{"count", count}});
}

struct Maker {
  AddressKind kind;
  Result<Made> (*make)(const Address&, const MakeRequest&);
  bool takes_messages;
  bool takes_size;
  bool takes_count;
  bool takes_huge;
};

constexpr std::array makers{
    Maker{AddressKind::fifo, make_fifo, false, false, false, false},
    Maker{AddressKind::posix_queue, make_posix_queue, true, true, false, false},
    Maker{AddressKind::sysv_queue, make_sysv_queue, false, false, false, false},
    Maker{AddressKind::posix_shm, make_posix_shm, false, true, false, false},
    Maker{AddressKind::sysv_shm, make_sysv_shm, false, true, false, true},
    Maker{AddressKind::posix_semaphore, make_posix_semaphore, false, false, true, false},
    Maker{AddressKind::sysv_semaphore, make_sysv_semaphore, false, false, true, false},
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
    case AddressKind::queue:
    case AddressKind::channel:
      return "of messaging in shared memory only topic is built yet";
    default:
      return "can be made: fifo, mq, sysv-msg, shm, sysv-shm, sem, sysv-sem";
  }
}

Result<void> check(const Maker& maker, const Address& address, const MakeRequest& request) {
  const auto stray = [&](std::string_view option) {
    return std::unexpected{usage_error(
        address.to_string(), std::string{option} + " has no meaning for " + std::string{scheme(address.kind)})};
  };
  if (request.messages && !maker.takes_messages) return stray("--messages");
  if (request.size && !maker.takes_size) return stray("--size");
  if (request.count && !maker.takes_count) return stray("--count");
  if (request.huge && !maker.takes_huge) return stray("--huge");
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
  if (made) made->facts["mode"] = octal(request.mode);
  return made;
}

}  // namespace ginnel::cli
