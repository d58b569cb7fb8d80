#include <gtest/gtest.h>
#include <sys/msg.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstdio>

#include "ginnel/sys/sysv_queue.hpp"
#include "support/blocked_in.hpp"
#include "support/child_process.hpp"
#include "support/ipc_namespace.hpp"
#include "support/scratch.hpp"

// Creation: keys, modes, owners, limits; and the classic tools at the other end.

namespace ginnel {
namespace {

/// A key of the test's own; what has it at the end is removed.
class SysvQueueRefusals : public ::testing::Test {
 protected:
  ~SysvQueueRefusals() override {
    if (const int id = ::msgget(key_, 0); id >= 0) ::msgctl(id, IPC_RMID, nullptr);
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

SysvName by_id(int id) { return {.key = std::nullopt, .id = id}; }

template <class T>
std::string hint_of(const Result<T>& refused, int code) {
  if (refused) return "(not refused)";
  EXPECT_EQ(errno_name(refused.error().code()), errno_name(code)) << refused.error().message();
  return refused.error().hint();
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

long queues_now() {
  msginfo info{};
  ::msgctl(0, MSG_INFO, reinterpret_cast<msqid_ds*>(&info));
  return info.msgpool;
}

TEST_F(SysvQueueRefusals, IsFoundByItsKeyAndByItsId) {
  auto made = SysvQueue::create(key());
  ASSERT_TRUE(made) << made.error().message();
  for (const SysvName& name : {by_key(), by_id(made->id())}) {
    auto opened = SysvQueue::open(name);
    ASSERT_TRUE(opened) << opened.error().message();
    EXPECT_EQ(opened->id(), made->id());
  }
}

TEST_F(SysvQueueRefusals, AnAbsentQueueIsToldAsAbsentByKeyAndById) {
  EXPECT_EQ(hint_of(SysvQueue::open(by_key()), ENOENT), "no queue in this IPC namespace has this key");
  auto made = SysvQueue::create(key());
  ASSERT_TRUE(made);
  ASSERT_TRUE(made->remove());
  auto gone = SysvQueue::open(by_id(made->id()));
  EXPECT_EQ(hint_of(gone, ENOENT), "no queue in this IPC namespace has this id, or no longer");
  EXPECT_EQ(gone.error().object(), "sysv-msg:id=" + std::to_string(made->id()));
}

// msgget(IPC_PRIVATE) makes a queue whatever the flags: an open by key 0 would leave one behind each time.
TEST_F(SysvQueueRefusals, KeyZeroIsRefusedAndMakesNothing) {
  GINNEL_REQUIRE_IPC_NAMESPACE();
  auto child = test::fork_child([](test::Ready) {
    test::enter_new_ipc_namespace();
    EXPECT_TRUE(contains(hint_of(SysvQueue::open({.key = 0, .id = std::nullopt}), EINVAL), "IPC_PRIVATE"));
    EXPECT_TRUE(contains(hint_of(SysvQueue::create(0), EINVAL), "IPC_PRIVATE"));
    EXPECT_EQ(queues_now(), 0);
  });
  EXPECT_TRUE(child.wait().success());
}

TEST_F(SysvQueueRefusals, TheModeIsExactAndPermissionBitsOnly) {
  const mode_t previous = ::umask(0777);
  auto made = SysvQueue::create(key(), {.mode = 0641});
  ::umask(previous);
  ASSERT_TRUE(made);
  EXPECT_EQ(made->statistics()->mode, 0641U);
  EXPECT_EQ(hint_of(SysvQueue::create(std::nullopt, {.mode = 01600}), EINVAL),
            "the mode has more than permission bits");
}

TEST_F(SysvQueueRefusals, ExclusiveCreationRefusesAnExistingQueueAndSharedCreationTakesIt) {
  auto first = SysvQueue::create(key());
  ASSERT_TRUE(first);
  auto refused = SysvQueue::create(key());
  EXPECT_TRUE(contains(hint_of(refused, EEXIST), "there is a queue with this key already"));
  EXPECT_TRUE(contains(refused.error().object(), "sysv-msg:0x"));
  auto shared = SysvQueue::create(key(), {.exclusive = false});
  ASSERT_TRUE(shared);
  EXPECT_EQ(shared->id(), first->id());
}

TEST_F(SysvQueueRefusals, ManyWhoCreateAtOnceWithoutExclusiveAllGetTheSameQueue) {
  std::vector<test::ChildProcess> children;
  for (int i = 0; i < 16; ++i)
    children.push_back(test::fork_child([&](test::Ready ready) {
      ready.say();
      ready.wait_for_release();
      auto queue = SysvQueue::create(key(), {.exclusive = false});
      ASSERT_TRUE(queue) << queue.error().message();
      ready.say(std::to_string(queue->id()));
    }));
  for (auto& child : children) child.wait_until_ready();
  for (auto& child : children) child.release();
  const std::string id = children.front().next_line();
  for (std::size_t i = 1; i < children.size(); ++i) EXPECT_EQ(children[i].next_line(), id);
}

TEST_F(SysvQueueRefusals, SharedCreationRefusesAQueueThatAnotherUserMadeFirst) {
  GINNEL_REQUIRE_ROOT();
  auto squatter =
      test::fork_child_as(test::other_uid, [&](test::Ready) { ASSERT_TRUE(SysvQueue::create(key(), {.mode = 0666})); });
  ASSERT_TRUE(squatter.wait().success());
  EXPECT_TRUE(contains(hint_of(SysvQueue::create(key(), {.exclusive = false}), EEXIST), "belongs to uid 65534"));
  EXPECT_TRUE(SysvQueue::open(by_key()));
}

TEST_F(SysvQueueRefusals, AnotherUserIsKeptOutByTheMode) {
  GINNEL_REQUIRE_ROOT();
  auto made = SysvQueue::create(key());
  ASSERT_TRUE(made);
  auto other = test::fork_child_as(test::other_uid, [&](test::Ready) {
    auto queue = SysvQueue::open(by_id(made->id()));
    ASSERT_TRUE(queue) << queue.error().message();
    EXPECT_EQ(hint_of(queue->send(1, as_bytes("x")), EACCES), "the queue's mode does not allow sending");
    EXPECT_EQ(hint_of(queue->receive(), EACCES), "the queue's mode does not allow receiving");
    EXPECT_EQ(hint_of(queue->remove(), EPERM), "only the queue's owner, its creator and root may remove it");
    EXPECT_EQ(hint_of(queue->statistics(), EACCES), "");
  });
  EXPECT_TRUE(other.wait().success());
}

TEST_F(SysvQueueRefusals, MeetingALimitTellsItsValue) {
  GINNEL_REQUIRE_IPC_NAMESPACE();
  auto child = test::fork_child([](test::Ready) {
    test::enter_new_ipc_namespace();
    test::set_kernel_setting("kernel.msgmni", "2");
    test::set_kernel_setting("kernel.msgmax", "100");
    test::set_kernel_setting("kernel.msgmnb", "60");
    auto queue = SysvQueue::create(std::nullopt);
    ASSERT_TRUE(queue && SysvQueue::create(std::nullopt));
    const std::string hint = hint_of(SysvQueue::create(std::nullopt), ENOSPC);
    EXPECT_TRUE(contains(hint, "has 2 queues")) << hint;
    EXPECT_TRUE(contains(hint, "kernel.msgmni 2")) << hint;

    const auto pattern = test::test_pattern(101);
    EXPECT_EQ(hint_of(queue->send(1, pattern), EINVAL),
              "the message has 101 bytes, over kernel.msgmax 100; raise it with sysctl");
    // msgsnd(2) would sleep for ever: the room it waits for cannot come.
    EXPECT_EQ(hint_of(queue->send(1, std::span{pattern}.first(61)), EMSGSIZE),
              "the message has 61 bytes; the whole queue holds 60 (msg_qbytes)");
    ASSERT_TRUE(queue->send(1, std::span{pattern}.first(60))->is<Done>());

    test::set_kernel_setting("kernel.msgmax", "50");
    auto seen = queue->peek();
    EXPECT_TRUE(contains(hint_of(seen, seen.error().code()), "kernel.msgmax 50") || seen.error().code() == ENOSYS);
    EXPECT_EQ(queue->receive()->as<SysvMessage>().data.size(), 60U);
  });
  EXPECT_TRUE(child.wait().success());
}

TEST_F(SysvQueueRefusals, TheClassicToolsSeeAndRemoveIt) {
  auto made = SysvQueue::create(key());
  ASSERT_TRUE(made);
  ASSERT_TRUE(made->send(1, as_bytes("12345")));
  const auto listed = test::run_program({"ipcs", "-q", "-i", std::to_string(made->id())});
  EXPECT_TRUE(contains(listed.output, "qnum=1")) << listed.output;
  EXPECT_TRUE(contains(test::run_program({"ipcs", "-q"}).output, hexadecimal_key()));

  auto waiter = test::fork_child([&](test::Ready) {
    auto got = made->receive({SysvSelect::Rule::of_type, 9});
    EXPECT_TRUE(got && got->is<Removed>());
  });
  test::wait_until_blocked_in(waiter.pid(), SYS_msgrcv);
  EXPECT_TRUE(test::run_program({"ipcrm", "-Q", hexadecimal_key()}).status.success());
  EXPECT_TRUE(waiter.wait().success());
}

TEST_F(SysvQueueRefusals, AQueueOfIpcmkIsUsedAndRemovedHere) {
  const auto made = test::run_program({"ipcmk", "-Q"});
  int id = -1;
  ASSERT_EQ(std::sscanf(made.output.c_str(), "Message queue id: %d", &id), 1) << made.output;
  auto queue = SysvQueue::open(by_id(id));
  ASSERT_TRUE(queue) << queue.error().message();
  EXPECT_TRUE(queue->send(3, as_bytes("x"))->is<Done>());
  EXPECT_EQ(queue->receive()->as<SysvMessage>().type, 3);
  EXPECT_TRUE(queue->remove());
  EXPECT_FALSE(test::run_program({"ipcrm", "-q", std::to_string(id)}).status.success());
}

}  // namespace
}  // namespace ginnel
