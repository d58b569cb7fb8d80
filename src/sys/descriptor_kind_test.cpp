#include <fcntl.h>
#include <gtest/gtest.h>
#include <mqueue.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <filesystem>
#include <set>
#include <string>

#include "ginnel/sys/io.hpp"
#include "ginnel/sys/pipe.hpp"
#include "support/child_process.hpp"
#include "support/fuse_file.hpp"
#include "support/scratch.hpp"

namespace ginnel {
namespace {

DescriptorKind kind_of(int fd) {
  EXPECT_GE(fd, 0);
  const UniqueFd owned{fd};
  auto kind = descriptor_kind(fd);
  EXPECT_TRUE(kind) << kind.error().message();
  return kind.value_or(DescriptorKind::other);
}

TEST(DescriptorKind, TellsFilesOfEverySort) {
  const test::ScratchDirectory scratch;
  EXPECT_EQ(kind_of(::open(scratch.file("file").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)),
            DescriptorKind::regular_file);
  EXPECT_EQ(kind_of(::open("/proc/self/status", O_RDONLY | O_CLOEXEC)), DescriptorKind::regular_file);
  EXPECT_EQ(kind_of(::open("/", O_RDONLY | O_CLOEXEC)), DescriptorKind::directory);
  std::filesystem::create_symlink("/", scratch.file("link"));
  EXPECT_EQ(kind_of(::open(scratch.file("link").c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC)), DescriptorKind::symlink);
  EXPECT_EQ(kind_of(::open("/dev/null", O_RDONLY | O_CLOEXEC)), DescriptorKind::character_device);
}

TEST(DescriptorKind, TellsABlockDevice) {
  GINNEL_REQUIRE_ROOT();
  const test::ScratchDirectory scratch;
  const std::string path = scratch.file("device");
  if (::mknod(path.c_str(), S_IFBLK | 0600, makedev(7, 0)) < 0) GTEST_SKIP() << "no block device may be made here";
  EXPECT_EQ(kind_of(::open(path.c_str(), O_PATH | O_CLOEXEC)), DescriptorKind::block_device);
}

TEST(DescriptorKind, TellsPipesFromFifosAndUnixSocketsFromOthers) {
  const test::ScratchDirectory scratch;
  auto pipe = Pipe::create();
  ASSERT_TRUE(pipe);
  EXPECT_EQ(*descriptor_kind(pipe->read_end.get()), DescriptorKind::pipe);
  EXPECT_EQ(*descriptor_kind(pipe->write_end.get()), DescriptorKind::pipe);
  ASSERT_EQ(::mkfifo(scratch.file("pipe:[1]").c_str(), 0600), 0);
  EXPECT_EQ(kind_of(::open(scratch.file("pipe:[1]").c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC)), DescriptorKind::fifo);
  for (const int type : {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET})
    EXPECT_EQ(kind_of(::socket(AF_UNIX, type | SOCK_CLOEXEC, 0)), DescriptorKind::unix_socket);
  EXPECT_EQ(kind_of(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0)), DescriptorKind::other_socket);
}

TEST(DescriptorKind, TellsSharedMemoryOfEachSortThoughItsNameLies) {
  EXPECT_EQ(kind_of(::memfd_create("x", MFD_CLOEXEC)), DescriptorKind::memfd);
  EXPECT_EQ(kind_of(::memfd_create("x", MFD_CLOEXEC | MFD_ALLOW_SEALING)), DescriptorKind::memfd);
  const std::string name = test::unique_name();
  const test::AtEnd unlink{[&] { ::shm_unlink(name.c_str()); }};
  EXPECT_EQ(kind_of(::shm_open(name.c_str(), O_RDWR | O_CREAT | O_EXCL, 0600)), DescriptorKind::posix_shm);
  // Deleted objects keep their kind: this is how they are handed over.
  const UniqueFd kept{::shm_open(name.c_str(), O_RDWR, 0600)};
  ::shm_unlink(name.c_str());
  EXPECT_EQ(*descriptor_kind(kept.get()), DescriptorKind::posix_shm);

  const test::ScratchDirectory scratch;
  std::filesystem::create_directory(scratch.file("memfd:x"));
  EXPECT_EQ(kind_of(::open(scratch.file("memfd:x/file").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)),
            DescriptorKind::regular_file);
}

// Whoever is asked about such a file may let the asker wait for ever.
TEST(DescriptorKind, OfAFuseFileIsToldWithoutAQuestionToItsServer) {
  const auto file = test::FuseFile::open();
  if (!file) GTEST_SKIP() << "no FUSE file can be had here";
  EXPECT_EQ(*descriptor_kind(file->descriptor()), DescriptorKind::regular_file);
  EXPECT_EQ(file->questions(), 0);
  struct stat status{};
  EXPECT_EQ(::fstat(file->descriptor(), &status), -1);
  EXPECT_EQ(file->questions(), 1) << "this file would not tell a question";
}

TEST(DescriptorKind, TellsTheKernelsOwnObjects) {
  EXPECT_EQ(kind_of(::eventfd(0, EFD_CLOEXEC)), DescriptorKind::eventfd);
  EXPECT_EQ(kind_of(::epoll_create1(EPOLL_CLOEXEC)), DescriptorKind::epoll);
  EXPECT_EQ(kind_of(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC)), DescriptorKind::timerfd);
  EXPECT_EQ(kind_of(::inotify_init1(IN_CLOEXEC)), DescriptorKind::inotify);
  EXPECT_EQ(kind_of(static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0))), DescriptorKind::pidfd);
  sigset_t none;
  ::sigemptyset(&none);
  EXPECT_EQ(kind_of(::signalfd(-1, &none, SFD_CLOEXEC)), DescriptorKind::signalfd);
  for (const std::string name : {"ipc", "mnt", "net", "pid", "user", "uts"})
    EXPECT_EQ(kind_of(::open(("/proc/self/ns/" + name).c_str(), O_RDONLY | O_CLOEXEC)), DescriptorKind::namespace_file);

  const std::string name = test::unique_name();
  const test::AtEnd unlink{[&] { ::mq_unlink(name.c_str()); }};
  mq_attr attributes{};
  attributes.mq_maxmsg = 1;
  attributes.mq_msgsize = 8;
  EXPECT_EQ(kind_of(::mq_open(name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600, &attributes)),
            DescriptorKind::posix_queue);
}

TEST(DescriptorKind, RefusesWhatIsNotOpenAndHasANameForEveryKind) {
  EXPECT_EQ(descriptor_kind(-1).error().code(), EBADF);
  std::set<std::string_view> names;
  constexpr int count = static_cast<int>(DescriptorKind::other) + 1;
  for (int kind = 0; kind < count; ++kind) names.insert(to_string(static_cast<DescriptorKind>(kind)));
  EXPECT_EQ(names.size(), static_cast<std::size_t>(count)) << "each its own";
}

}  // namespace
}  // namespace ginnel
