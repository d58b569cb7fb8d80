#include <array>
#include <memory>

#include "ginnel/sys/checked_unlink.hpp"
#include "ginnel/sys/posix_queue.hpp"
#include "ginnel/sys/posix_semaphore.hpp"
#include "ginnel/sys/sysv_queue.hpp"
#include "ginnel/sys/sysv_semaphore.hpp"
#include "operations.hpp"
#include "support/scratch.hpp"

namespace ginnel::fault {
namespace {

using test::unique_key;
using test::unique_name;

/// A queue that has lost its name: nothing of it can be left.
std::shared_ptr<PosixQueue> ready_posix_queue() {
  const std::string name = unique_name();
  auto queue = std::make_shared<PosixQueue>(must(PosixQueue::create(name, {.messages = 4, .message_size = Bytes{64}})));
  must(PosixQueue::unlink(name));
  return queue;
}

struct SysvQueueUntilEnd {
  SysvQueue queue = must(SysvQueue::create(std::nullopt));
  SysvQueueUntilEnd() = default;
  SysvQueueUntilEnd(const SysvQueueUntilEnd&) = delete;
  SysvQueueUntilEnd& operator=(const SysvQueueUntilEnd&) = delete;
  ~SysvQueueUntilEnd() { (void)queue.remove(); }
};

constexpr std::array<unsigned short, 2> two_values{1, 1};
constexpr std::array up_and_down{SemaphoreStep{.index = 0, .change = 1}, SemaphoreStep{.index = 1, .change = -1}};

struct SysvSemaphoresUntilEnd {
  SysvSemaphoreSet set = must(SysvSemaphoreSet::create(std::nullopt, std::array<unsigned short, 2>{5, 5}));
  SysvSemaphoresUntilEnd() = default;
  SysvSemaphoresUntilEnd(const SysvSemaphoresUntilEnd&) = delete;
  SysvSemaphoresUntilEnd& operator=(const SysvSemaphoresUntilEnd&) = delete;
  ~SysvSemaphoresUntilEnd() { (void)set.remove(); }
};

std::shared_ptr<PosixSemaphore> ready_posix_semaphore() {
  const std::string name = unique_name();
  auto semaphore = std::make_shared<PosixSemaphore>(must(PosixSemaphore::create(name, {.count = 5})));
  must(PosixSemaphore::unlink(name));
  return semaphore;
}

/// Two objects of a kind, of which each attempt removes one.
template <class Object, class Make>
std::function<Attempt()> removal_of(Make make) {
  auto objects = std::make_shared<std::vector<Object>>();
  for (int i = 0; i < 2; ++i) objects->push_back(make());
  return [objects] {
    const std::string text = report(objects->back().remove());
    // One whose removal was made to fail is taken away all the same, to be no more than that one fault.
    return Attempt{text, [objects, failed = text != "done"] {
                     if (failed) (void)objects->back().remove();
                     objects->pop_back();
                   }};
  };
}

}  // namespace

std::vector<Operation> queue_operations() {
  return {
      {"PosixQueue::create",
       [] {
         return [name = unique_name()] {
           auto queue = PosixQueue::create(name);
           if (!queue) return Attempt{report(queue)};
           return Attempt{report(queue), [name] { must(PosixQueue::unlink(name)); }};
         };
       }},
      {"PosixQueue::create not exclusive",
       [] {
         return [name = unique_name()] {
           auto queue = PosixQueue::create(name, {.exclusive = false});
           if (!queue) return Attempt{report(queue)};
           return Attempt{report(queue), [name] { must(PosixQueue::unlink(name)); }};
         };
       }},
      {"PosixQueue::open",
       [] {
         const std::string name = unique_name();
         (void)must(PosixQueue::create(name));
         return [name, held = std::make_shared<test::AtEnd<std::function<void()>>>([name] {
                         (void)PosixQueue::unlink(name);
                       })] { return Attempt{report(PosixQueue::open(name))}; };
       }},
      {"PosixQueue::unlink",
       [] {
         auto names = std::make_shared<std::vector<std::string>>();
         for (int i = 0; i < 2; ++i) {
           names->push_back(unique_name());
           (void)must(PosixQueue::create(names->back()));
         }
         return [names] {
           auto unlinked = PosixQueue::unlink(names->back());
           names->pop_back();
           return Attempt{report(unlinked)};
         };
       }},
      {"unlink_unused_posix_queue",
       [] {
         return [] {
           const std::string name = unique_name();
           if (const auto made = PosixQueue::create(name); !made) return Attempt{report(made)};
           const auto unlinked = unlink_unused_posix_queue(name);
           return Attempt{unlinked && !unlinked->is<Done>() ? "outcome NotRemoved" : report(unlinked),
                          [name] { (void)PosixQueue::unlink(name); }};
         };
       }},
      {"PosixQueue::send",
       [] { return [queue = ready_posix_queue()] { return Attempt{report(queue->send(as_bytes("message")))}; }; }},
      {"PosixQueue::receive",
       [] {
         auto queue = ready_posix_queue();
         for (int i = 0; i < 2; ++i) (void)must(queue->send(as_bytes("message")));
         return [queue] {
           std::array<std::byte, 64> buffer{};
           return Attempt{report(queue->receive(buffer))};
         };
       }},
      {"PosixQueue::receive that times out",
       [] {
         return [queue = ready_posix_queue()] {
           std::array<std::byte, 64> buffer{};
           auto received = queue->receive(buffer, Deadline::after(std::chrono::milliseconds{2}));
           if (!received) return Attempt{report(received)};
           return Attempt{received->is<TimedOut>() ? "done" : "outcome Received"};
         };
       }},
      {"PosixQueue::attributes",
       [] { return [queue = ready_posix_queue()] { return Attempt{report(queue->attributes())}; }; }},
      {"SysvQueue::create",
       [] {
         return [key = unique_key()] {
           auto queue = SysvQueue::create(key);
           if (!queue) return Attempt{report(queue)};
           return Attempt{report(queue), [queue]() mutable { must(queue->remove()); }};
         };
       }},
      {"SysvQueue::open",
       [] {
         auto held = std::make_shared<SysvQueueUntilEnd>();
         return [held] { return Attempt{report(SysvQueue::open({.key = {}, .id = held->queue.id()}))}; };
       }},
      {"SysvQueue::send",
       [] {
         return [held = std::make_shared<SysvQueueUntilEnd>()] {
           return Attempt{report(held->queue.send(1, as_bytes("message")))};
         };
       }},
      {"SysvQueue::receive",
       [] {
         auto held = std::make_shared<SysvQueueUntilEnd>();
         for (int i = 0; i < 2; ++i) (void)must(held->queue.send(1, as_bytes("message")));
         return [held] { return Attempt{report(held->queue.receive())}; };
       }},
      {"SysvQueue::peek",
       [] {
         auto held = std::make_shared<SysvQueueUntilEnd>();
         (void)must(held->queue.send(1, as_bytes("message")));
         return [held] { return Attempt{report(held->queue.peek())}; };
       }},
      {"SysvQueue::remove", [] { return removal_of<SysvQueue>([] { return must(SysvQueue::create(std::nullopt)); }); }},
      {"SysvQueue::statistics",
       [] {
         return [held = std::make_shared<SysvQueueUntilEnd>()] { return Attempt{report(held->queue.statistics())}; };
       }},
      {"PosixSemaphore::create",
       [] {
         return [name = unique_name()] {
           auto semaphore = PosixSemaphore::create(name);
           if (!semaphore) return Attempt{report(semaphore)};
           return Attempt{report(semaphore), [name] { must(PosixSemaphore::unlink(name)); }};
         };
       }},
      {"PosixSemaphore::open",
       [] {
         const std::string name = unique_name();
         (void)must(PosixSemaphore::create(name));
         return [name, held = std::make_shared<test::AtEnd<std::function<void()>>>([name] {
                         (void)PosixSemaphore::unlink(name);
                       })] { return Attempt{report(PosixSemaphore::open(name))}; };
       }},
      {"PosixSemaphore::create not exclusive",
       [] {
         return [name = unique_name()] {
           auto semaphore = PosixSemaphore::create(name, {.exclusive = false});
           if (!semaphore) return Attempt{report(semaphore)};
           return Attempt{report(semaphore), [name] { must(PosixSemaphore::unlink(name)); }};
         };
       }},
      {"PosixSemaphore::unlink",
       [] {
         auto names = std::make_shared<std::vector<std::string>>();
         for (int i = 0; i < 2; ++i) {
           names->push_back(unique_name());
           (void)must(PosixSemaphore::create(names->back()));
         }
         return [names] {
           auto unlinked = PosixSemaphore::unlink(names->back());
           names->pop_back();
           return Attempt{report(unlinked)};
         };
       }},
      {"PosixSemaphore::wait that times out and post",
       [] {
         const std::string name = unique_name();
         auto semaphore = std::make_shared<PosixSemaphore>(must(PosixSemaphore::create(name)));
         must(PosixSemaphore::unlink(name));
         return [semaphore] {
           auto waited = semaphore->wait(Deadline::after(std::chrono::milliseconds{2}));
           if (!waited) return Attempt{report(waited)};
           if (!waited->is<TimedOut>()) return Attempt{"outcome Taken"};
           auto posted = semaphore->post();
           if (!posted) return Attempt{report(posted)};
           return Attempt{report(semaphore->wait())};
         };
       }},
      {"PosixSemaphore::wait and post",
       [] {
         return [semaphore = ready_posix_semaphore()] {
           auto waited = semaphore->wait(Deadline::after(patience));
           if (!waited) return Attempt{report(waited)};
           return Attempt{report(semaphore->post())};
         };
       }},
      {"PosixSemaphore::create_in and open_in",
       [] {
         return [memory = std::make_shared<ReadWriteMapping>(must(ReadWriteMapping::anonymous(Bytes::kib(4))))] {
           auto made = PosixSemaphore::create_in(memory, 64, 1);
           if (!made) return Attempt{report(made)};
           return Attempt{report(PosixSemaphore::open_in(memory, 64))};
         };
       }},
      {"PosixSemaphore::value",
       [] { return [semaphore = ready_posix_semaphore()] { return Attempt{report(semaphore->value())}; }; }},
      {"SysvSemaphoreSet::create",
       [] {
         return [key = unique_key()] {
           auto set = SysvSemaphoreSet::create(key, two_values);
           if (!set) return Attempt{report(set)};
           return Attempt{report(set), [set]() mutable { must(set->remove()); }};
         };
       }},
      {"SysvSemaphoreSet::open",
       [] {
         return [held = std::make_shared<SysvSemaphoresUntilEnd>()] {
           return Attempt{report(SysvSemaphoreSet::open({.key = {}, .id = held->set.id()}))};
         };
       }},
      {"SysvSemaphoreSet::operate",
       [] {
         return [held = std::make_shared<SysvSemaphoresUntilEnd>()] {
           return Attempt{report(held->set.operate(up_and_down))};
         };
       }},
      {"SysvSemaphoreSet::operate with a deadline",
       [] {
         return [held = std::make_shared<SysvSemaphoresUntilEnd>()] {
           return Attempt{report(held->set.operate(up_and_down, Deadline::after(patience)))};
         };
       }},
      {"SysvSemaphoreSet::remove",
       [] {
         return removal_of<SysvSemaphoreSet>([] { return must(SysvSemaphoreSet::create(std::nullopt, two_values)); });
       }},
      {"SysvSemaphoreSet::status",
       [] {
         return [held = std::make_shared<SysvSemaphoresUntilEnd>()] { return Attempt{report(held->set.status(1))}; };
       }},
      {"SysvSemaphoreSet::waiting",
       [] {
         return [held = std::make_shared<SysvSemaphoresUntilEnd>()] { return Attempt{report(held->set.waiting())}; };
       }},
      {"SysvSemaphoreSet::statistics",
       [] {
         return [held = std::make_shared<SysvSemaphoresUntilEnd>()] { return Attempt{report(held->set.statistics())}; };
       }},
  };
}

}  // namespace ginnel::fault
