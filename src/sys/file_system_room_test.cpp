#include "ginnel/sys/file_system_room.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <cerrno>

#include "ginnel/core/unique_fd.hpp"
#include "support/child_process.hpp"
#include "support/scratch.hpp"

namespace ginnel {
namespace {

/// Runs `body` in a child with a tmpfs of its own at `path`.
void with_tmpfs(const std::string& path, const char* options, const std::function<void(int folder)>& body) {
  const auto ended = test::fork_child([&](test::Ready) {
                       ASSERT_EQ(::unshare(CLONE_NEWNS), 0);
                       ASSERT_EQ(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
                       ASSERT_EQ(::mount("tmpfs", path.c_str(), "tmpfs", 0, options), 0);
                       const UniqueFd folder{::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
                       ASSERT_TRUE(folder.valid());
                       body(folder.get());
                     }).wait();
  EXPECT_TRUE(ended.success()) << ended.to_string();
}

TEST(FileSystemRoom, CountsWhatAFileTakes) {
  GINNEL_REQUIRE_ROOT();
  const test::ScratchDirectory scratch;
  with_tmpfs(scratch.path(), "size=1m,nr_inodes=16", [](int folder) {
    const auto empty = file_system_room(folder);
    ASSERT_TRUE(empty && empty->bytes && empty->inodes);
    EXPECT_EQ(empty->bytes->size, 1U << 20U);
    EXPECT_EQ(empty->inodes->size, 16U);

    const UniqueFd file{::openat(folder, "file", O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
    ASSERT_EQ(::fallocate(file.get(), 0, 0, 256 << 10), 0);
    const auto filled = file_system_room(folder);
    ASSERT_TRUE(filled && filled->bytes && filled->inodes);
    EXPECT_EQ(filled->bytes->used - empty->bytes->used, 256U << 10U);
    EXPECT_EQ(filled->inodes->used - empty->inodes->used, 1U);
    EXPECT_EQ(filled->bytes->size, empty->bytes->size);
  });
}

TEST(FileSystemRoom, SaysNothingWhereThereIsNoLimit) {
  GINNEL_REQUIRE_ROOT();
  const test::ScratchDirectory scratch;
  with_tmpfs(scratch.path(), "size=1m,nr_inodes=0", [](int folder) {
    const auto room = file_system_room(folder);
    ASSERT_TRUE(room.has_value());
    EXPECT_TRUE(room->bytes);
    EXPECT_FALSE(room->inodes);
  });
  const UniqueFd proc{::open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  const auto room = file_system_room(proc.get());
  ASSERT_TRUE(room.has_value());
  EXPECT_FALSE(room->bytes);
}

TEST(FileSystemRoom, RefusesWhatIsNotOpen) {
  const auto room = file_system_room(-1);
  ASSERT_FALSE(room.has_value());
  EXPECT_EQ(room.error().code(), EBADF);
}

}  // namespace
}  // namespace ginnel
