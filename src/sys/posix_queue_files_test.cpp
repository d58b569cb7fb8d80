#include "ginnel/sys/posix_queue_files.hpp"

#include <gtest/gtest.h>

#include <cerrno>

#include "ginnel/sys/io.hpp"
#include "ginnel/sys/posix_queue.hpp"
#include "support/scratch.hpp"

namespace ginnel {
namespace {

TEST(PosixQueueFiles, ListsEveryQueueWithoutTakingAnythingOut) {
  const std::string name = test::unique_name();
  auto queue = PosixQueue::create(name, {.messages = 3, .message_size = Bytes{64}});
  ASSERT_TRUE(queue.has_value()) << queue.error().message();
  const test::AtEnd removed{[&] { static_cast<void>(PosixQueue::unlink(name)); }};
  ASSERT_TRUE(queue->send(as_bytes("one")).has_value());

  auto queues = posix_queue_directory();
  if (!queues && queues.error().code() == ENOENT)
    GTEST_SKIP() << "no mqueue file system is mounted, and this user may mount none";
  ASSERT_TRUE(queues.has_value()) << queues.error().message();
  bool listed = false;
  ASSERT_TRUE(queues
                  ->for_each([&](const char* found, FileType) {
                    listed = listed || name.substr(1) == found;
                    return true;
                  })
                  .has_value());
  EXPECT_TRUE(listed);

  const auto before = queues->status(name.c_str() + 1, Follow::no);
  for (int look = 0; look < 2; ++look) {
    const auto fill = posix_queue_fill(*queues, name.c_str() + 1);
    ASSERT_TRUE(fill.has_value()) << fill.error().message();
    EXPECT_EQ(fill->messages_queued, 1);
    EXPECT_EQ(fill->messages_max, 3);
    EXPECT_EQ(fill->message_size, 64);
  }
  EXPECT_EQ(queues->status(name.c_str() + 1, Follow::no)->changed, before->changed) << "looking has set its times";
  EXPECT_EQ(posix_queue_fill(*queues, "ginnel-test-no-such-queue").error().code(), ENOENT);
}

}  // namespace
}  // namespace ginnel
