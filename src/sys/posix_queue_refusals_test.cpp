#include <gtest/gtest.h>
#include <mqueue.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <climits>
#include <cstdlib>
#include <fstream>

#include "ginnel/sys/posix_queue.hpp"
#include "support/child_process.hpp"
#include "support/ipc_namespace.hpp"
#include "support/scratch.hpp"

// Creation: modes, owners, names, and what each limit says when it is met.

namespace ginnel {
namespace {

constexpr PosixQueueOptions small{.messages = 2, .message_size = Bytes{32}};

class PosixQueueRefusals : public ::testing::Test {
 protected:
  ~PosixQueueRefusals() override {
    for (const std::string& name : names_) ::mq_unlink(name.c_str());
  }
  /// Two names, for tests that need a second queue.
  const std::string& name(std::size_t which = 0) const { return names_.at(which); }

 private:
  std::vector<std::string> names_{test::unique_name(), test::unique_name()};
};

std::string hint_of(const Result<PosixQueue>& refused, int code) {
  if (refused) return "(not refused)";
  EXPECT_EQ(errno_name(refused.error().code()), errno_name(code)) << refused.error().message();
  return refused.error().hint();
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

long limit_now(const std::string& path) {
  long value = 0;
  std::ifstream{"/proc/sys/fs/mqueue/" + path} >> value;
  return value;
}

/// A user of whom no other test has queues, so that what counts for RLIMIT_MSGQUEUE is this test's alone.
uid_t user_of_its_own() { return 200'000 + static_cast<uid_t>(::getpid()); }

void set_limit(__rlimit_resource resource, rlim_t value) {
  rlimit limit{};
  if (::getrlimit(resource, &limit) < 0) std::abort();
  limit.rlim_cur = value;
  if (::setrlimit(resource, &limit) < 0) std::abort();
}

TEST_F(PosixQueueRefusals, TheModeIsExactWhateverTheUmask) {
  for (const mode_t mask : {0000U, 0022U, 0077U, 0777U}) {
    const mode_t previous = ::umask(mask);
    auto queue = PosixQueue::create(name(), {.messages = 2, .message_size = Bytes{32}, .mode = 0640});
    ::umask(previous);
    ASSERT_TRUE(queue) << queue.error().message();
    struct stat status{};
    ASSERT_EQ(::fstat(queue->pollable(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777, 0640U);
    ASSERT_TRUE(PosixQueue::unlink(name()));
  }
}

TEST_F(PosixQueueRefusals, AModeIsPermissionBitsOnly) {
  EXPECT_EQ(hint_of(PosixQueue::create(name(), {.mode = 04600}), EINVAL), "the mode has more than permission bits");
}

TEST_F(PosixQueueRefusals, ExclusiveCreationRefusesAnExistingQueue) {
  auto first = PosixQueue::create(name(), small);
  ASSERT_TRUE(first);
  EXPECT_TRUE(contains(hint_of(PosixQueue::create(name(), small), EEXIST), "there is a queue of this name already"));
}

TEST_F(PosixQueueRefusals, SharedCreationOpensTheSameQueueAndRefusesOneWithOtherAttributes) {
  PosixQueueOptions shared = small;
  shared.exclusive = false;
  auto first = PosixQueue::create(name(), shared);
  ASSERT_TRUE(first);
  auto second = PosixQueue::create(name(), shared);
  ASSERT_TRUE(second) << second.error().message();
  ASSERT_TRUE(first->send(as_bytes("x")));
  EXPECT_EQ(second->attributes()->messages_queued, 1);

  shared.messages = 3;
  EXPECT_EQ(hint_of(PosixQueue::create(name(), shared), EEXIST),
            "the existing queue has 2 messages of 32 bytes, not 3 messages of 32 bytes");
  shared.messages = 2;
  shared.message_size = Bytes{33};
  EXPECT_EQ(hint_of(PosixQueue::create(name(), shared), EEXIST),
            "the existing queue has 2 messages of 32 bytes, not 2 messages of 33 bytes");
}

TEST_F(PosixQueueRefusals, ManyWhoCreateAtOnceWithoutExclusiveAllGetTheSameQueue) {
  std::vector<test::ChildProcess> children;
  for (int i = 0; i < 16; ++i)
    children.push_back(test::fork_child([&](test::Ready ready) {
      ready.say();
      ready.wait_for_release();
      auto queue = PosixQueue::create(name(), {.messages = 10, .message_size = Bytes{8}, .exclusive = false});
      ASSERT_TRUE(queue) << queue.error().message();
      auto sent = queue->send(as_bytes("here"), 0, Deadline::immediately());
      ASSERT_TRUE(sent);
      ready.say(sent->is<Done>() ? "sent" : "full");
    }));
  for (auto& child : children) child.wait_until_ready();
  for (auto& child : children) child.release();
  int sent = 0;
  for (auto& child : children) {
    if (child.next_line() == "sent") ++sent;
    EXPECT_TRUE(child.wait().success());
  }
  EXPECT_EQ(sent, 10);
}

TEST_F(PosixQueueRefusals, SharedCreationRefusesAQueueThatAnotherUserMadeFirst) {
  GINNEL_REQUIRE_ROOT();
  auto squatter = test::fork_child_as(test::other_uid, [&](test::Ready) {
    auto queue = PosixQueue::create(name(), {.messages = 2, .message_size = Bytes{32}, .mode = 0666});
    ASSERT_TRUE(queue) << queue.error().message();
  });
  ASSERT_TRUE(squatter.wait().success());

  PosixQueueOptions shared = small;
  shared.exclusive = false;
  EXPECT_TRUE(contains(hint_of(PosixQueue::create(name(), shared), EEXIST), "belongs to uid 65534"));
  EXPECT_TRUE(PosixQueue::open(name()));
}

TEST_F(PosixQueueRefusals, AnotherUserIsKeptOutByTheModeAndCannotRemoveIt) {
  GINNEL_REQUIRE_ROOT();
  auto queue = PosixQueue::create(name(), small);
  ASSERT_TRUE(queue);
  auto other = test::fork_child_as(test::other_uid, [&](test::Ready) {
    EXPECT_EQ(hint_of(PosixQueue::open(name()), EACCES), "the queue's mode does not allow this access");
    auto removed = PosixQueue::unlink(name());
    ASSERT_FALSE(removed);
    EXPECT_EQ(removed.error().code(), EACCES);
    EXPECT_EQ(removed.error().hint(), "only the queue's owner and root may remove it");
  });
  EXPECT_TRUE(other.wait().success());
}

TEST_F(PosixQueueRefusals, AnAbsentQueueIsToldAsAbsent) {
  EXPECT_EQ(hint_of(PosixQueue::open(name()), ENOENT), "there is no queue of this name in this IPC namespace");
  auto removed = PosixQueue::unlink(name());
  ASSERT_FALSE(removed);
  EXPECT_EQ(removed.error().code(), ENOENT);
}

TEST_F(PosixQueueRefusals, BadNamesGetAClearError) {
  const std::string longest = "/" + std::string(NAME_MAX - 1, 'q');
  const std::vector<std::pair<std::string, std::string>> bad{
      {"jobs", "must begin with a slash"},
      {"", "must begin with a slash"},
      {"/", "must follow the slash"},
      {"/a/b", "one slash"},
      {"//a", "one slash"},
      {"/..", "name directories"},
      {std::string{"/a\0b", 4}, "NUL byte"},
  };
  for (const auto& [bad_name, hint] : bad) {
    EXPECT_TRUE(contains(hint_of(PosixQueue::create(bad_name, small), EINVAL), hint)) << bad_name;
    EXPECT_TRUE(contains(hint_of(PosixQueue::open(bad_name), EINVAL), hint)) << bad_name;
    auto removed = PosixQueue::unlink(bad_name);
    ASSERT_FALSE(removed);
    EXPECT_EQ(removed.error().code(), EINVAL);
  }
  EXPECT_TRUE(contains(hint_of(PosixQueue::create(longest + "qq", small), ENAMETOOLONG), "256 bytes"));
  auto fits = PosixQueue::create(longest + "q", small);
  EXPECT_TRUE(fits) << fits.error().message();
  ::mq_unlink((longest + "q").c_str());
}

TEST_F(PosixQueueRefusals, SizesBelowOneAreRefusedAsSuch) {
  EXPECT_EQ(hint_of(PosixQueue::create(name(), {.messages = 0}), EINVAL), "a queue holds at least 1 message, not 0");
  EXPECT_EQ(hint_of(PosixQueue::create(name(), {.messages = -5}), EINVAL), "a queue holds at least 1 message, not -5");
  EXPECT_TRUE(contains(hint_of(PosixQueue::create(name(), {.message_size = Bytes{0}}), EINVAL), "at least 1"));
  const Bytes no_queue_holds{~std::uint64_t{0}};
  EXPECT_TRUE(contains(hint_of(PosixQueue::create(name(), {.message_size = no_queue_holds}), EINVAL), "msgsize_max"));
}

TEST_F(PosixQueueRefusals, SizesOverTheSystemsLimitsAreToldWithTheirValues) {
  GINNEL_REQUIRE_ROOT();
  const long messages = limit_now("msg_max");
  const long size = limit_now("msgsize_max");
  auto child = test::fork_child_as(user_of_its_own(), [&](test::Ready) {
    for (const PosixQueueOptions& over :
         {PosixQueueOptions{.messages = messages + 1, .message_size = Bytes{1}},
          PosixQueueOptions{.messages = 1, .message_size = Bytes{static_cast<std::uint64_t>(size) + 1}}}) {
      const std::string hint = hint_of(PosixQueue::create(name(), over), EINVAL);
      EXPECT_TRUE(contains(hint, "fs.mqueue.msg_max " + std::to_string(messages))) << hint;
      EXPECT_TRUE(contains(hint, "fs.mqueue.msgsize_max " + std::to_string(size))) << hint;
    }
  });
  EXPECT_TRUE(child.wait().success());
}

TEST_F(PosixQueueRefusals, TheUsersQueueBytesAreToldWithTheLimitAndWhatThisQueueCosts) {
  GINNEL_REQUIRE_ROOT();
  constexpr std::uint64_t cost = 10 * 8192 + 20 * 48;  // ten messages, their headers and priority nodes
  auto child = test::fork_child_as(user_of_its_own(), [&](test::Ready) {
    set_limit(RLIMIT_MSGQUEUE, cost - 1);
    const std::string hint = hint_of(PosixQueue::create(name()), EMFILE);
    EXPECT_TRUE(contains(hint, "82880 bytes")) << hint;
    EXPECT_TRUE(contains(hint, "RLIMIT_MSGQUEUE 82879")) << hint;
    EXPECT_TRUE(contains(hint, "ulimit -q")) << hint;

    // The cost told is the exact one: with one byte more the queue fits, and with it nothing else does.
    set_limit(RLIMIT_MSGQUEUE, cost);
    auto fits = PosixQueue::create(name());
    ASSERT_TRUE(fits) << fits.error().message();
    EXPECT_TRUE(contains(hint_of(PosixQueue::create(name(1), {.messages = 1, .message_size = Bytes{1}}), EMFILE),
                         "would count 97 bytes"));
  });
  EXPECT_TRUE(child.wait().success());
}

TEST_F(PosixQueueRefusals, MissingDescriptorsAreNotTakenForMissingQueueBytes) {
  auto child = test::fork_child([own_name = name()](test::Ready) {
    const auto before = test::open_descriptors();
    // Only the two calls go without: a sanitizer needs descriptors to check the rest.
    set_limit(RLIMIT_NOFILE, 0);
    const auto created = PosixQueue::create(own_name, small);
    const auto opened = PosixQueue::open(own_name);
    set_limit(RLIMIT_NOFILE, 256);
    const std::string hint = "this process has no descriptor left: RLIMIT_NOFILE 0; close some, or raise it: ulimit -n";
    EXPECT_EQ(hint_of(created, EMFILE), hint);
    EXPECT_EQ(hint_of(opened, EMFILE), hint);
    EXPECT_EQ(test::open_descriptors(), before);
    EXPECT_TRUE(PosixQueue::create(own_name, small));
  });
  EXPECT_TRUE(child.wait().success());
}

TEST_F(PosixQueueRefusals, TheNamespacesNumberOfQueuesIsToldWithItsLimit) {
  GINNEL_REQUIRE_IPC_NAMESPACE();
  auto child = test::fork_child([&](test::Ready) {
    test::enter_new_ipc_namespace();
    test::set_kernel_setting("fs.mqueue.queues_max", "1");
    test::become_user(user_of_its_own());
    ASSERT_TRUE(PosixQueue::create(name(), small));
    const std::string hint = hint_of(PosixQueue::create(name(1), small), ENOSPC);
    EXPECT_TRUE(contains(hint, "fs.mqueue.queues_max 1")) << hint;
  });
  EXPECT_TRUE(child.wait().success());
}

}  // namespace
}  // namespace ginnel
