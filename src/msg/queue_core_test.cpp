#include "ginnel/msg/detail/queue_core.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstring>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "ginnel/msg/detail/queue_members.hpp"
#include "ginnel/sys/mapping.hpp"

namespace ginnel::detail {
namespace {

/// A queue in memory of its own, and its first participants.
class TestQueue {
 public:
  explicit TestQueue(const QueueShape& shape) : mapping_{map(shape)}, memory_{mapping_.bytes().data(), shape} {}

  [[nodiscard]] const QueueMemory& memory() const { return memory_; }
  [[nodiscard]] QueueMembers members() const { return QueueMembers{memory_}; }
  QueueCore join(std::uint8_t number) {
    if (members().join(number) != QueueStep::done) throw std::runtime_error{"the number is in use"};
    return QueueCore{memory_, number};
  }
  [[nodiscard]] QueueAudit audit() const {
    auto audit = audit_queue(memory_);
    if (!audit) throw std::runtime_error{audit.error().message()};
    return *audit;
  }
  /// As if that many messages had passed through each ring, and each slot had been used that often.
  void age(std::uint64_t position, std::uint64_t generation) {
    for (std::uint32_t priority = 0; priority < memory_.shape().priorities; ++priority) {
      memory_.tail(priority).store(position);
      memory_.head(priority).store(position);
      for (std::uint64_t at = position; at != position + memory_.cell_count(); ++at)
        memory_.cell(priority, at).store(CellWord{.round = memory_.round_of(at), .slot_plus_one = 0}.pack());
    }
    for (std::uint32_t slot = 0; slot < memory_.shape().slots; ++slot)
      memory_.slot_word(slot).store(
          SlotWord{.state = SlotState::free, .owner = 0, .deliveries = 0, .generation = generation}.pack());
  }

 private:
  static ReadWriteMapping map(const QueueShape& shape) {
    auto mapping = ReadWriteMapping::anonymous(Bytes{shape.bytes()});
    if (!mapping) throw std::runtime_error{mapping.error().message()};
    return std::move(*mapping);
  }
  ReadWriteMapping mapping_;
  QueueMemory memory_;
};

constexpr QueueShape small{.slots = 4, .priorities = 2, .payload_bytes = 64, .participants = 4};

QueueStep push(QueueCore& queue, std::string_view text, std::uint32_t priority = 0) {
  ClaimedSlot claimed;
  if (const QueueStep step = queue.claim(claimed); step != QueueStep::done) return step;
  std::memcpy(queue.payload(claimed), text.data(), text.size());
  return queue.publish(claimed, static_cast<std::uint32_t>(text.size()), priority);
}

std::string text_of(const QueueCore& queue, const TakenMessage& taken) {
  const auto bytes = queue.payload(taken);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// The message, and its count behind a colon when it was delivered before; `-` for none.
std::string pop(QueueCore& queue) {
  TakenMessage taken;
  const QueueStep step = queue.take(taken);
  if (step == QueueStep::nothing) return "-";
  if (step != QueueStep::done) return "step " + std::to_string(static_cast<int>(step));
  std::string text = text_of(queue, taken);
  if (taken.redelivered()) text += ":" + std::to_string(taken.deliveries);
  return queue.acknowledge(taken) == QueueStep::done ? text : "not acknowledged";
}

TakenMessage take(QueueCore& queue) {
  TakenMessage taken;
  if (queue.take(taken) != QueueStep::done) throw std::runtime_error{"nothing was taken"};
  return taken;
}

TEST(QueueCore, MemoryOfZeroesIsAnEmptyQueue) {
  TestQueue queue{small};
  QueueCore me = queue.join(1);
  EXPECT_EQ(queue.audit().free, 4U);
  EXPECT_EQ(pop(me), "-");
  EXPECT_FALSE(me.may_have_message());
}

TEST(QueueCore, MessagesOfOnePriorityComeInTheOrderOfPushing) {
  TestQueue queue{small};
  QueueCore me = queue.join(1);
  QueueCore other = queue.join(2);
  for (int round = 0; round < 100; ++round) {
    EXPECT_EQ(push(me, "a"), QueueStep::done);
    EXPECT_EQ(push(other, "b"), QueueStep::done);
    EXPECT_EQ(push(me, "c"), QueueStep::done);
    EXPECT_TRUE(other.may_have_message());
    EXPECT_EQ(pop(other), "a");
    EXPECT_EQ(pop(me), "b");
    EXPECT_EQ(pop(other), "c");
    EXPECT_EQ(pop(me), "-");
  }
}

TEST(QueueCore, TheHigherPriorityComesFirstWhateverTheOrderOfPushing) {
  TestQueue queue{{.slots = 8, .priorities = 4, .payload_bytes = 8, .participants = 1}};
  QueueCore me = queue.join(1);
  for (const auto& [text, priority] :
       std::vector<std::pair<std::string, std::uint32_t>>{{"0a", 0}, {"3a", 3}, {"1a", 1}, {"3b", 3}, {"0b", 0}})
    EXPECT_EQ(push(me, text, priority), QueueStep::done);
  for (const char* text : {"3a", "3b", "1a"}) EXPECT_EQ(pop(me), text);
  EXPECT_EQ(push(me, "2a", 2), QueueStep::done);
  for (const char* text : {"2a", "0a", "0b", "-"}) EXPECT_EQ(pop(me), text);
}

TEST(QueueCore, IsFullWhenAllSlotsAreQueuedOrHeld) {
  TestQueue queue{small};
  QueueCore me = queue.join(1);
  for (const char* text : {"a", "b", "c", "d"}) EXPECT_EQ(push(me, text, 1), QueueStep::done);
  EXPECT_EQ(push(me, "e", 1), QueueStep::nothing);
  const TakenMessage held = take(me);
  EXPECT_EQ(push(me, "e"), QueueStep::nothing);
  EXPECT_EQ(me.acknowledge(held), QueueStep::done);
  EXPECT_EQ(push(me, "e"), QueueStep::done);
}

TEST(QueueCore, ASlotHeldForLongDoesNotStopTheOthers) {
  TestQueue queue{small};
  QueueCore me = queue.join(1);
  ASSERT_EQ(push(me, "long"), QueueStep::done);
  const TakenMessage held = take(me);
  for (int round = 0; round < 1000; ++round) {
    ASSERT_EQ(push(me, std::to_string(round)), QueueStep::done);
    ASSERT_EQ(pop(me), std::to_string(round));
  }
  EXPECT_EQ(text_of(me, held), "long");
  EXPECT_EQ(me.acknowledge(held), QueueStep::done);
  EXPECT_EQ(queue.audit().free, 4U);
}

TEST(QueueCore, CarriesTheEmptyAndTheLargestMessage) {
  for (const std::uint32_t largest : {0U, 1U, 63U, 64U, 65U, 100'000U}) {
    TestQueue queue{{.slots = 3, .priorities = 1, .payload_bytes = largest, .participants = 1}};
    QueueCore me = queue.join(1);
    const std::string text(largest, 'x');
    ASSERT_EQ(push(me, ""), QueueStep::done);
    ASSERT_EQ(push(me, text), QueueStep::done);
    ASSERT_EQ(push(me, text), QueueStep::done);
    EXPECT_EQ(pop(me), "");
    EXPECT_EQ(pop(me), text);
    EXPECT_EQ(pop(me), text);
  }
}

TEST(QueueCore, WorksWithOneSlot) {
  TestQueue queue{{.slots = 1, .priorities = 1, .payload_bytes = 8, .participants = 1}};
  QueueCore me = queue.join(1);
  for (int round = 0; round < 100; ++round) {
    ASSERT_EQ(push(me, std::to_string(round)), QueueStep::done);
    ASSERT_EQ(push(me, "more"), QueueStep::nothing);
    ASSERT_EQ(pop(me), std::to_string(round));
  }
}

TEST(QueueCore, AWithdrawnSlotIsFreeAndLeavesNoMessage) {
  TestQueue queue{small};
  QueueCore me = queue.join(1);
  ClaimedSlot claimed;
  ASSERT_EQ(me.claim(claimed), QueueStep::done);
  EXPECT_EQ(queue.audit().filling, 1U);
  me.withdraw(claimed);
  EXPECT_EQ(queue.audit().free, 4U);
  EXPECT_EQ(pop(me), "-");
}

TEST(QueueCore, AMessageIsAcknowledgedOnce) {
  TestQueue queue{small};
  QueueCore me = queue.join(1);
  ASSERT_EQ(push(me, "a"), QueueStep::done);
  const TakenMessage taken = take(me);
  EXPECT_EQ(me.acknowledge(taken), QueueStep::done);
  EXPECT_EQ(me.acknowledge(taken), QueueStep::nothing);
  EXPECT_EQ(me.give_back(taken), QueueStep::nothing);
}

TEST(QueueCore, CountersMayComeRoundAtAnyBoundary) {
  constexpr std::uint64_t two_to_32 = std::uint64_t{1} << 32U;
  const std::vector<std::uint64_t> positions{two_to_32 - 20, 0ULL - 20, (two_to_32 << 15U) - 20};
  for (const std::uint64_t position : positions)
    for (const std::uint64_t generation : {two_to_32 - 5, SlotWord::generation_mask - 5}) {
      TestQueue queue{small};
      queue.age(position, generation);
      QueueCore me = queue.join(1);
      for (int round = 0; round < 60; ++round) {
        ASSERT_EQ(push(me, "a", 1), QueueStep::done);
        ASSERT_EQ(push(me, "b", 1), QueueStep::done);
        const TakenMessage first = take(me);
        ASSERT_EQ(text_of(me, first), "a");
        ASSERT_EQ(me.give_back(first), QueueStep::done);
        ASSERT_EQ(pop(me), "a:2");
        ASSERT_EQ(pop(me), "b");
        ASSERT_EQ(pop(me), "-");
      }
      EXPECT_EQ(queue.audit().free, 4U);
    }
}

TEST(QueueCore, OldNewsOfHeadAndTailCostTimeOnly) {
  TestQueue queue{small};
  QueueCore me = queue.join(1);
  for (int round = 0; round < 100; ++round) {
    ASSERT_EQ(push(me, "a"), QueueStep::done);
    ASSERT_EQ(pop(me), "a");
    ASSERT_EQ(push(me, "b"), QueueStep::done);
    const auto old = static_cast<std::uint64_t>(round) * 2;
    queue.memory().tail(0).store(old);
    queue.memory().head(0).store(old / 2);
    ASSERT_EQ(push(me, "c"), QueueStep::done);
    ASSERT_EQ(pop(me), "b");
    ASSERT_EQ(pop(me), "c");
    ASSERT_EQ(pop(me), "-");
    ASSERT_EQ(push(me, "d"), QueueStep::done);
    ASSERT_EQ(pop(me), "d");
  }
}

TEST(QueueCore, AReturnedMessageTakesItsOldPlaceAndTellsItsCount) {
  TestQueue queue{{.slots = 8, .priorities = 2, .payload_bytes = 8, .participants = 2}};
  QueueCore me = queue.join(1);
  for (const char* text : {"a", "b", "c", "d"}) ASSERT_EQ(push(me, text), QueueStep::done);
  const TakenMessage a = take(me);
  const TakenMessage b = take(me);
  const TakenMessage c = take(me);
  ASSERT_EQ(me.give_back(c), QueueStep::done);
  ASSERT_EQ(me.give_back(a), QueueStep::done);
  EXPECT_EQ(queue.audit().returned, 2U);
  ASSERT_EQ(push(me, "high", 1), QueueStep::done);
  EXPECT_EQ(pop(me), "high");
  EXPECT_EQ(pop(me), "a:2");
  ASSERT_EQ(me.give_back(b), QueueStep::done);
  EXPECT_EQ(pop(me), "b:2");
  EXPECT_EQ(pop(me), "c:2");
  EXPECT_EQ(pop(me), "d");
  EXPECT_EQ(pop(me), "-");
  EXPECT_FALSE(me.may_have_message());
}

TEST(QueueCore, TheCountOfDeliveriesStaysAtItsMost) {
  TestQueue queue{small};
  QueueCore me = queue.join(1);
  ASSERT_EQ(push(me, "a"), QueueStep::done);
  for (std::uint32_t delivery = 1; delivery < SlotWord::most_deliveries + 10U; ++delivery) {
    const TakenMessage taken = take(me);
    ASSERT_EQ(taken.deliveries, std::min<std::uint32_t>(delivery, SlotWord::most_deliveries));
    ASSERT_EQ(me.give_back(taken), QueueStep::done);
  }
}

TEST(QueueMembers, ANumberIsJoinedOnceAndIsVacantAfterItsLeave) {
  TestQueue queue{small};
  const QueueMembers members = queue.members();
  EXPECT_EQ(members.join(3), QueueStep::done);
  EXPECT_EQ(members.join(3), QueueStep::nothing);
  EXPECT_EQ(members.state(3), ParticipantState::live);
  EXPECT_EQ(members.leave(3), QueueStep::done);
  EXPECT_EQ(members.state(3), ParticipantState::vacant);
  EXPECT_EQ(members.join(3), QueueStep::done);
}

TEST(QueueMembers, NobodyIsRecoveredUnlessProvenDead) {
  TestQueue queue{small};
  QueueCore me = queue.join(1);
  QueueCore other = queue.join(2);
  ASSERT_EQ(push(other, "a"), QueueStep::done);
  const TakenMessage held = take(other);
  const SweepReport report = queue.members().sweep([](std::uint32_t) { return false; });
  EXPECT_EQ(report.recovered, 0U);
  EXPECT_EQ(pop(me), "-");
  EXPECT_EQ(other.acknowledge(held), QueueStep::done);
}

TEST(QueueMembers, WhatADeadOneHeldIsDeliveredAgainAndItsHalfMessageIsGone) {
  TestQueue queue{small};
  QueueCore me = queue.join(1);
  QueueCore other = queue.join(2);
  ASSERT_EQ(push(me, "a"), QueueStep::done);
  ASSERT_EQ(push(other, "b"), QueueStep::done);
  const TakenMessage a = take(other);
  ClaimedSlot half;
  ASSERT_EQ(other.claim(half), QueueStep::done);
  const SweepReport report = queue.members().sweep([](std::uint32_t number) { return number == 2; });
  EXPECT_EQ(report.recovered, 1U);
  EXPECT_FALSE(report.rubbish);
  EXPECT_EQ(queue.members().state(2), ParticipantState::vacant);
  EXPECT_EQ(queue.audit().free, 2U);
  EXPECT_EQ(queue.audit().queued, 1U);
  EXPECT_EQ(queue.audit().returned, 1U);
  EXPECT_EQ(other.acknowledge(a), QueueStep::nothing);
  EXPECT_EQ(pop(me), "a:2");
  EXPECT_EQ(pop(me), "b");
  EXPECT_EQ(queue.audit().free, 4U);
}

TEST(QueueMembers, ALeaverGivesBackWhatItHolds) {
  TestQueue queue{small};
  QueueCore me = queue.join(1);
  QueueCore other = queue.join(2);
  ASSERT_EQ(push(other, "a"), QueueStep::done);
  (void)take(other);
  ASSERT_EQ(push(other, "b"), QueueStep::done);
  EXPECT_EQ(queue.members().leave(2), QueueStep::done);
  EXPECT_EQ(pop(me), "a:2");
  EXPECT_EQ(pop(me), "b");
}

/// Each word of the memory in turn becomes rubbish. Whatever is called must come back, and touch nothing outside.
TEST(QueueCore, RubbishAnywhereIsSurvived) {
  constexpr QueueShape shape{.slots = 3, .priorities = 2, .payload_bytes = 8, .participants = 2};
  const std::array<std::uint64_t, 6> rubbish{~0ULL, 1, 0x8000'0000'0000'0000, 0x00FF'FFFF, 0x7, 0x1234'5678'9ABC'DEF0};
  std::uint64_t told = 0;
  for (std::uint64_t offset = 0; offset < shape.payloads_at(); offset += word_bytes)
    for (const std::uint64_t value : rubbish) {
      TestQueue queue{shape};
      QueueCore me = queue.join(1);
      QueueCore other = queue.join(2);
      ASSERT_EQ(push(me, "a"), QueueStep::done);
      ASSERT_EQ(push(other, "b", 1), QueueStep::done);
      const TakenMessage held = take(other);
      word_at(queue.memory().payload(0) - shape.payloads_at(), offset).store(value);
      (void)audit_queue(queue.memory());
      for (int i = 0; i < 4; ++i) told += push(me, "c", 1) == QueueStep::rubbish ? 1U : 0U;
      (void)other.give_back(held);
      (void)queue.members().sweep([](std::uint32_t number) { return number == 2; });
      for (int i = 0; i < 4; ++i) {
        TakenMessage taken;
        const QueueStep step = me.take(taken);
        if (step == QueueStep::done) (void)me.acknowledge(taken);
        told += step == QueueStep::rubbish ? 1U : 0U;
      }
    }
  EXPECT_GT(told, 100U);
}

// --- threads

constexpr std::uint64_t messages_of_each = 4000;

struct Stamp {
  std::uint32_t writer = 0;
  std::uint32_t number = 0;
  std::uint32_t check = 0;

  [[nodiscard]] std::uint32_t sum() const { return writer * 2654435761U ^ number * 40503U; }
};

void push_waiting(QueueCore& queue, const Stamp& stamp, std::uint32_t priority) {
  ClaimedSlot claimed;
  while (queue.claim(claimed) != QueueStep::done) std::this_thread::yield();
  std::memcpy(queue.payload(claimed), &stamp, sizeof stamp);
  while (queue.publish(claimed, sizeof stamp, priority) != QueueStep::done) std::this_thread::yield();
}

Stamp stamp_of(const QueueCore& queue, const TakenMessage& taken) {
  Stamp stamp;
  if (taken.length == sizeof stamp) std::memcpy(&stamp, queue.payload(taken).data(), sizeof stamp);
  return stamp;
}

struct Traffic {
  std::size_t writers = 1;
  std::size_t readers = 1;
  std::uint32_t slots = 8;
  std::uint32_t give_back_every = 0;  ///< 0: never
};

/// Each reader sees the messages of one writer in order, and all readers together see each message once.
void run_traffic(const Traffic& traffic) {
  const auto parties = static_cast<std::uint32_t>(traffic.writers + traffic.readers);
  TestQueue queue{{.slots = traffic.slots, .priorities = 1, .payload_bytes = 16, .participants = parties}};
  std::vector<QueueCore> cores;
  for (std::uint32_t number = 1; number <= parties; ++number)
    cores.push_back(queue.join(static_cast<std::uint8_t>(number)));
  const std::uint64_t all = messages_of_each * traffic.writers;
  std::vector<std::atomic<int>> seen(all);
  std::atomic<std::uint64_t> dealt_with = 0;
  std::atomic<std::uint64_t> wrong = 0;

  std::vector<std::thread> threads;
  for (std::size_t writer = 0; writer < traffic.writers; ++writer)
    threads.emplace_back([&, writer] {
      for (std::uint32_t number = 0; number < messages_of_each; ++number) {
        Stamp stamp{.writer = static_cast<std::uint32_t>(writer), .number = number};
        stamp.check = stamp.sum();
        push_waiting(cores[writer], stamp, 0);
      }
    });
  for (std::size_t reader = 0; reader < traffic.readers; ++reader)
    threads.emplace_back([&, reader] {
      QueueCore& core = cores[traffic.writers + reader];
      std::vector<std::int64_t> last(traffic.writers, -1);
      std::uint32_t count = 0;
      while (dealt_with.load() < all) {
        TakenMessage taken;
        if (core.take(taken) != QueueStep::done) {
          std::this_thread::yield();
          continue;
        }
        const Stamp stamp = stamp_of(core, taken);
        if (stamp.check != stamp.sum() || stamp.writer >= last.size() || stamp.number >= messages_of_each) {
          ++wrong;
          continue;
        }
        if (traffic.give_back_every != 0 && !taken.redelivered() && ++count % traffic.give_back_every == 0) {
          if (core.give_back(taken) != QueueStep::done) ++wrong;
          continue;
        }
        const bool in_order = stamp.number > last[stamp.writer];
        if (!in_order && traffic.give_back_every == 0) ++wrong;
        last[stamp.writer] = stamp.number;
        seen[stamp.writer * messages_of_each + stamp.number].fetch_add(1);
        if (core.acknowledge(taken) != QueueStep::done) ++wrong;
        dealt_with.fetch_add(1);
      }
    });
  for (std::thread& thread : threads) thread.join();

  EXPECT_EQ(wrong.load(), 0U);
  for (const auto& times : seen) ASSERT_EQ(times.load(), 1);
  EXPECT_EQ(queue.audit().free, traffic.slots);
}

TEST(QueueCoreThreads, OneWriterOneReader) { run_traffic({}); }
TEST(QueueCoreThreads, OneSlotForAll) { run_traffic({.writers = 2, .readers = 2, .slots = 1}); }
TEST(QueueCoreThreads, ManyWritersOneReader) { run_traffic({.writers = 6, .readers = 1, .slots = 16}); }
TEST(QueueCoreThreads, OneWriterManyReaders) { run_traffic({.writers = 1, .readers = 6, .slots = 16}); }
TEST(QueueCoreThreads, ManyWritersManyReaders) { run_traffic({.writers = 4, .readers = 4, .slots = 7}); }
TEST(QueueCoreThreads, ReturnedMessagesAreNotLostInTraffic) {
  run_traffic({.writers = 3, .readers = 3, .slots = 9, .give_back_every = 5});
}

/// One thread plays the dead: it stops using a number with messages in hand; several sweep at a time while others go on.
TEST(QueueCoreThreads, SeveralMayRecoverTheSameDeadAtOnce) {
  constexpr int rounds = 200;
  TestQueue queue{{.slots = 16, .priorities = 2, .payload_bytes = 16, .participants = 5}};
  QueueCore writer = queue.join(1);
  QueueCore reader = queue.join(2);
  std::atomic<bool> dead = false;
  std::atomic<bool> ended = false;
  std::vector<std::thread> sweepers;
  for (int i = 0; i < 2; ++i)
    sweepers.emplace_back([&] {
      while (!ended.load()) {
        (void)queue.members().sweep([&](std::uint32_t number) { return number == 5 && dead.load(); });
        std::this_thread::yield();
      }
    });
  for (int round = 0; round < rounds; ++round) {
    while (queue.members().join(5) != QueueStep::done) std::this_thread::yield();
    QueueCore mortal{queue.memory(), 5};
    ASSERT_EQ(push(writer, "a"), QueueStep::done);
    ASSERT_EQ(push(mortal, "b"), QueueStep::done);
    (void)take(mortal);
    ClaimedSlot half;
    ASSERT_EQ(mortal.claim(half), QueueStep::done);
    dead = true;
    while (queue.members().state(5) != ParticipantState::vacant) std::this_thread::yield();
    dead = false;
    ASSERT_EQ(pop(reader), "a:2");
    ASSERT_EQ(pop(reader), "b");
    ASSERT_EQ(pop(reader), "-");
  }
  ended = true;
  for (std::thread& thread : sweepers) thread.join();
  EXPECT_EQ(queue.audit().free, 16U);
}

}  // namespace
}  // namespace ginnel::detail
