#include <gtest/gtest.h>
#include <sys/sem.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>

#include "ginnel/sys/sysv_semaphore.hpp"
#include "support/blocked_in.hpp"
#include "support/child_process.hpp"
#include "support/ipc_namespace.hpp"
#include "support/scratch.hpp"

// Creation: the race for the first values, half-made sets, limits, owners; and the classic tools at the other end.

namespace ginnel {
namespace {

using namespace std::chrono_literals;
using Values = std::vector<unsigned short>;

/// A key of the test's own; what has it at the end is removed.
class SysvSemaphoreCreation : public ::testing::Test {
 protected:
  ~SysvSemaphoreCreation() override { remove(); }
  void remove() const {
    if (const int id = ::semget(key_, 0, 0); id >= 0) ::semctl(id, 0, IPC_RMID);
  }
  std::int32_t key() const { return key_; }
  SysvName by_key() const { return {.key = key_, .id = std::nullopt}; }
  std::string hexadecimal_key() const {
    std::array<char, 16> text{};
    std::snprintf(text.data(), text.size(), "0x%08x", static_cast<unsigned>(key_));
    return text.data();
  }

 private:
  std::int32_t key_ = test::unique_key();
};

constexpr SysvCreateOptions shared{.exclusive = false};
constexpr std::array<unsigned short, 1> one{1};

SysvName by_id(int id) { return {.key = std::nullopt, .id = id}; }

template <class T>
std::string hint_of(const Result<T>& refused, int code) {
  if (refused) return "(not refused)";
  EXPECT_EQ(errno_name(refused.error().code()), errno_name(code)) << refused.error().message();
  return refused.error().hint();
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

Values values_of(const SysvSemaphoreSet& set) {
  Values values;
  const auto statistics = set.statistics();
  if (!statistics) return values;
  for (std::size_t i = 0; i < statistics->count; ++i)
    values.push_back(set.status(static_cast<unsigned short>(i))->value);
  return values;
}

/// `processes` create the set at once, none exclusively, and use it at once: the first semaphore as a lock around a counter
/// that is in fact the second one; the last must have its value from the first look on.
void race(std::int32_t key, int processes, const Values& values) {
  std::vector<test::ChildProcess> children;
  for (int i = 0; i < processes; ++i)
    children.push_back(test::fork_child([&](test::Ready ready) {
      ready.say();
      ready.wait_for_release();
      auto set = SysvSemaphoreSet::create(key, values, shared);
      ASSERT_TRUE(set) << set.error().message();
      const auto last = static_cast<unsigned short>(values.size() - 1);
      ASSERT_EQ(set->status(last)->value, values.back());
      constexpr std::array lock{SemaphoreStep{.index = 0, .change = -1, .undo = true}};
      constexpr std::array unlock{SemaphoreStep{.index = 0, .change = 1, .undo = true}};
      constexpr std::array enter{SemaphoreStep{.index = 1, .change = 1}};
      ASSERT_TRUE(set->operate(lock)->is<Done>());
      ASSERT_EQ(set->status(0)->value, 0U);
      ASSERT_TRUE(set->operate(enter)->is<Done>());
      ASSERT_TRUE(set->operate(unlock)->is<Done>());
    }));
  for (auto& child : children) child.wait_until_ready();
  for (auto& child : children) child.release();
  for (auto& child : children) EXPECT_TRUE(child.wait().success());

  auto set = SysvSemaphoreSet::open({.key = key, .id = std::nullopt});
  ASSERT_TRUE(set);
  Values expected = values;
  expected[1] = static_cast<unsigned short>(expected[1] + processes);
  EXPECT_EQ(values_of(*set), expected);
}

TEST_F(SysvSemaphoreCreation, NobodyOfThirtyTwoWhoCreateAtOnceSeesAHalfMadeSet) {
  for (int times = 0; times < 4; ++times) {
    race(key(), 32, {1, 0, 7});
    remove();
  }
}

TEST_F(SysvSemaphoreCreation, NorWhenTheSetIsLargerThanOneOperationMayBe) {
  GINNEL_REQUIRE_IPC_NAMESPACE();
  auto child = test::fork_child([&](test::Ready) {
    test::enter_new_ipc_namespace();
    test::set_kernel_setting("kernel.sem", "32000 1024000000 2 32000");
    for (const Values& values : {Values{1, 0, 7, 2, 5}, Values{1, 0, 32767, 32767}}) {
      race(key(), 16, values);
      remove();
    }
  });
  EXPECT_TRUE(child.wait().success());
}

TEST_F(SysvSemaphoreCreation, EverySetIsReadyOnceMadeWithWhateverValues) {
  GINNEL_REQUIRE_IPC_NAMESPACE();
  auto child = test::fork_child([](test::Ready) {
    test::enter_new_ipc_namespace();
    for (const char* limits : {"32000 1024000000 500 32000", "32000 1024000000 1 32000"}) {
      test::set_kernel_setting("kernel.sem", limits);
      for (const Values& values :
           {Values{0}, Values{1}, Values{32767}, Values{0, 0, 0}, Values{0, 2, 3}, Values(600, 5)}) {
        auto set = SysvSemaphoreSet::create(std::nullopt, values);
        ASSERT_TRUE(set) << set.error().message();
        EXPECT_EQ(values_of(*set), values);
        EXPECT_NE(set->statistics()->operation_time, 0) << limits;
      }
    }
  });
  EXPECT_TRUE(child.wait().success());
}

TEST_F(SysvSemaphoreCreation, ASetWhoseCreatorWasKilledHalfwayIsToldAndNotUsed) {
  auto creator = test::fork_child([&](test::Ready ready) {
    ready.say(std::to_string(::semget(key(), 1, IPC_CREAT | IPC_EXCL | 0600)));
    ready.stay();
  });
  const std::string id = creator.next_line();
  creator.kill_and_reap(SIGKILL);

  const auto before = Deadline::Clock::now();
  const std::string hint = hint_of(SysvSemaphoreSet::create(key(), one, shared, Deadline::after(20ms)), ETIMEDOUT);
  EXPECT_GE(Deadline::Clock::now() - before, 20ms);
  EXPECT_TRUE(contains(hint, "never given its values")) << hint;
  EXPECT_TRUE(contains(hint, "ipcrm -s " + id)) << hint;
  EXPECT_TRUE(contains(hint_of(SysvSemaphoreSet::create(key(), one, shared, Deadline::immediately()), ETIMEDOUT), id));
}

TEST_F(SysvSemaphoreCreation, WhoJoinsWaitsUntilTheCreatorHasGivenTheValues) {
  const int half_made = ::semget(key(), 1, IPC_CREAT | IPC_EXCL | 0600);
  ASSERT_GE(half_made, 0);
  auto joiner = test::fork_child([&](test::Ready) {
    auto set = SysvSemaphoreSet::create(key(), one, shared, Deadline::after(20s));
    ASSERT_TRUE(set) << set.error().message();
    EXPECT_EQ(set->id(), half_made);
    EXPECT_EQ(set->status(0)->value, 5U);
  });
  test::wait_until_blocked_in(joiner.pid(), SYS_clock_nanosleep);
  sembuf values{.sem_num = 0, .sem_op = 5, .sem_flg = 0};
  ASSERT_EQ(::semop(half_made, &values, 1), 0);
  EXPECT_TRUE(joiner.wait().success());
}

TEST_F(SysvSemaphoreCreation, WhoJoinsAHalfMadeSetThatIsRemovedMakesItAnew) {
  const int half_made = ::semget(key(), 1, IPC_CREAT | IPC_EXCL | 0600);
  ASSERT_GE(half_made, 0);
  auto joiner = test::fork_child([&](test::Ready) {
    auto set = SysvSemaphoreSet::create(key(), one, shared, Deadline::after(20s));
    ASSERT_TRUE(set) << set.error().message();
    EXPECT_NE(set->id(), half_made);
    EXPECT_EQ(set->status(0)->value, 1U);
  });
  test::wait_until_blocked_in(joiner.pid(), SYS_clock_nanosleep);
  ASSERT_EQ(::semctl(half_made, 0, IPC_RMID), 0);
  EXPECT_TRUE(joiner.wait().success());
}

TEST_F(SysvSemaphoreCreation, JoiningLeavesTheValuesAndThePendingUndoAsTheyAre) {
  auto set = SysvSemaphoreSet::create(key(), one);
  ASSERT_TRUE(set);
  auto holder = test::fork_child([&](test::Ready ready) {
    constexpr std::array take{SemaphoreStep{.index = 0, .change = -1, .undo = true}};
    ASSERT_TRUE(set->operate(take)->is<Done>());
    ready.say();
    ready.stay();
  });
  holder.wait_until_ready();
  auto joined = SysvSemaphoreSet::create(key(), Values{9}, shared);
  ASSERT_TRUE(joined);
  EXPECT_EQ(joined->id(), set->id());
  EXPECT_EQ(set->status(0)->value, 0U);
  holder.kill_and_reap(SIGKILL);
  EXPECT_EQ(set->status(0)->value, 1U);
}

TEST_F(SysvSemaphoreCreation, IsFoundByItsKeyAndByItsIdAndToldAsAbsentOnceRemoved) {
  EXPECT_EQ(hint_of(SysvSemaphoreSet::open(by_key()), ENOENT), "no semaphore set in this IPC namespace has this key");
  auto made = SysvSemaphoreSet::create(key(), one);
  ASSERT_TRUE(made);
  for (const SysvName& name : {by_key(), by_id(made->id())}) {
    auto opened = SysvSemaphoreSet::open(name);
    ASSERT_TRUE(opened) << opened.error().message();
    EXPECT_EQ(opened->id(), made->id());
  }
  ASSERT_TRUE(made->remove());
  EXPECT_EQ(hint_of(SysvSemaphoreSet::open(by_id(made->id())), ENOENT),
            "no semaphore set in this IPC namespace has this id, or no longer");
}

TEST_F(SysvSemaphoreCreation, WhatCannotBeMadeIsRefusedWithTheReason) {
  EXPECT_EQ(hint_of(SysvSemaphoreSet::create(key(), {}), EINVAL), "a set has at least one semaphore");
  EXPECT_EQ(hint_of(SysvSemaphoreSet::create(key(), Values{1, 32768}), ERANGE),
            "a value of 32768 is over SEMVMX 32767");
  EXPECT_TRUE(contains(hint_of(SysvSemaphoreSet::create(0, one), EINVAL), "IPC_PRIVATE"));
  EXPECT_TRUE(contains(hint_of(SysvSemaphoreSet::open({.key = 0, .id = std::nullopt}), EINVAL), "IPC_PRIVATE"));
  EXPECT_TRUE(contains(hint_of(SysvSemaphoreSet::create(key(), one, {.mode = 01600}), EINVAL), "permission bits"));
  EXPECT_TRUE(contains(hint_of(SysvSemaphoreSet::create(key(), one, {.mode = 0400}), EINVAL), "no values"));
  EXPECT_EQ(hint_of(SysvSemaphoreSet::open(by_key()), ENOENT), "no semaphore set in this IPC namespace has this key");

  const mode_t previous = ::umask(0777);
  auto made = SysvSemaphoreSet::create(key(), one, {.mode = 0641});
  ::umask(previous);
  ASSERT_TRUE(made) << made.error().message();
  EXPECT_EQ(made->statistics()->mode, 0641U);
  EXPECT_TRUE(contains(hint_of(SysvSemaphoreSet::create(key(), one), EEXIST), "a set with this key already"));
  EXPECT_EQ(hint_of(SysvSemaphoreSet::create(key(), Values{1, 1}, shared), EINVAL),
            "the existing set has fewer than 2 semaphores");
}

TEST_F(SysvSemaphoreCreation, AnotherUsersSetIsNotTakenForOnesOwnAndItsModeKeepsOthersOut) {
  GINNEL_REQUIRE_ROOT();
  auto squatter = test::fork_child_as(
      test::other_uid, [&](test::Ready) { ASSERT_TRUE(SysvSemaphoreSet::create(key(), one, {.mode = 0666})); });
  ASSERT_TRUE(squatter.wait().success());
  EXPECT_TRUE(contains(hint_of(SysvSemaphoreSet::create(key(), one, shared), EEXIST), "belongs to uid 65534"));
  remove();

  auto made = SysvSemaphoreSet::create(key(), one);
  ASSERT_TRUE(made);
  auto other = test::fork_child_as(test::other_uid, [&](test::Ready) {
    auto set = SysvSemaphoreSet::open(by_id(made->id()));
    ASSERT_TRUE(set) << set.error().message();
    constexpr std::array give{SemaphoreStep{.index = 0, .change = 1}};
    EXPECT_TRUE(contains(hint_of(set->operate(give), EACCES), "does not allow"));
    EXPECT_TRUE(contains(hint_of(set->remove(), EPERM), "only the set's owner"));
  });
  EXPECT_TRUE(other.wait().success());
}

TEST_F(SysvSemaphoreCreation, MeetingALimitTellsItsValue) {
  GINNEL_REQUIRE_IPC_NAMESPACE();
  auto child = test::fork_child([](test::Ready) {
    test::enter_new_ipc_namespace();
    test::set_kernel_setting("kernel.sem", "4 6 2 3");  // SEMMSL SEMMNS SEMOPM SEMMNI
    EXPECT_TRUE(contains(hint_of(SysvSemaphoreSet::create(std::nullopt, Values(5, 0)), EINVAL),
                         "5 semaphores in one set are over SEMMSL 4"));
    auto set = SysvSemaphoreSet::create(std::nullopt, Values(4, 0));
    ASSERT_TRUE(set) << set.error().message();
    EXPECT_TRUE(contains(hint_of(SysvSemaphoreSet::create(std::nullopt, Values(3, 0)), ENOSPC),
                         "has 4 semaphores; with 3 more it would be over SEMMNS 6"));
    ASSERT_TRUE(SysvSemaphoreSet::create(std::nullopt, one) && SysvSemaphoreSet::create(std::nullopt, one));
    EXPECT_TRUE(contains(hint_of(SysvSemaphoreSet::create(std::nullopt, one), ENOSPC), "has 3 sets, and SEMMNI 3"));

    constexpr SemaphoreStep give{.index = 0, .change = 1};
    EXPECT_TRUE(
        contains(hint_of(set->operate(std::array{give, give, give}), E2BIG), "3 steps at once are over SEMOPM 2"));
  });
  EXPECT_TRUE(child.wait().success());
}

TEST_F(SysvSemaphoreCreation, TheClassicToolsSeeAndRemoveIt) {
  auto made = SysvSemaphoreSet::create(key(), Values{3, 4});
  ASSERT_TRUE(made);
  EXPECT_TRUE(contains(test::run_program({"ipcs", "-s"}).output, hexadecimal_key()));
  const auto listed = test::run_program({"ipcs", "-s", "-i", std::to_string(made->id())});
  EXPECT_TRUE(contains(listed.output, "nsems = 2")) << listed.output;

  auto waiter = test::fork_child([&](test::Ready) {
    constexpr std::array take{SemaphoreStep{.index = 1, .change = -5}};
    EXPECT_TRUE(made->operate(take)->is<Removed>());
  });
  test::wait_until_blocked_in(waiter.pid(), SYS_semtimedop);
  EXPECT_TRUE(test::run_program({"ipcrm", "-S", hexadecimal_key()}).status.success());
  EXPECT_TRUE(waiter.wait().success());
}

TEST_F(SysvSemaphoreCreation, ASetOfIpcmkIsUsedAndRemovedHere) {
  const auto made = test::run_program({"ipcmk", "-S", "3"});
  int id = -1;
  ASSERT_EQ(std::sscanf(made.output.c_str(), "Semaphore id: %d", &id), 1) << made.output;
  auto set = SysvSemaphoreSet::open(by_id(id));
  ASSERT_TRUE(set) << set.error().message();
  constexpr std::array give{SemaphoreStep{.index = 2, .change = 2}};
  EXPECT_TRUE(set->operate(give)->is<Done>());
  EXPECT_EQ(values_of(*set), (Values{0, 0, 2}));
  EXPECT_TRUE(set->remove());
  EXPECT_FALSE(test::run_program({"ipcrm", "-s", std::to_string(id)}).status.success());
}

}  // namespace
}  // namespace ginnel
