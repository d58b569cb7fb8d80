#include "ginnel/sys/fifo.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>

#include "ginnel/sys/spawn.hpp"
#include "support/blocked_in.hpp"
#include "support/child_process.hpp"
#include "support/scratch.hpp"
#include "support/signal_storm.hpp"

namespace ginnel {
namespace {

using namespace std::chrono_literals;

mode_t mode_of(const std::string& path) {
  struct stat status{};
  EXPECT_EQ(::lstat(path.c_str(), &status), 0);
  return status.st_mode;
}

UniqueFd reader_of(const std::string& path) {
  auto fd = open_fifo_reader(path);
  EXPECT_TRUE(fd) << fd.error().message();
  return std::move(*fd);
}

UniqueFd writer_of(const std::string& path) {
  auto opened = open_fifo_writer(path, Deadline::after(30s));
  EXPECT_TRUE(opened && opened->is<UniqueFd>());
  return std::move(*opened).as<UniqueFd>();
}

TEST(Fifo, HasExactlyTheModeAskedForWhateverTheUmask) {
  const test::ScratchDirectory scratch;
  auto child = test::fork_child([&](test::Ready) {
    for (const mode_t mask : {0000U, 0077U, 0777U}) {
      for (const mode_t mode : {0600U, 0666U, 0620U, 0000U}) {
        ::umask(mask);
        const std::string path = scratch.file("fifo");
        auto made = create_fifo(path, {.mode = mode});
        ASSERT_TRUE(made) << made.error().message();
        EXPECT_EQ(mode_of(path), S_IFIFO | mode);
        ::umask(0777);
        auto again = create_fifo(path, {.mode = mode, .exclusive = false});
        EXPECT_TRUE(again) << again.error().message();
        EXPECT_EQ(::umask(mask), 0777U) << "the process's umask is left alone";
        ASSERT_TRUE(remove_fifo(path));
      }
    }
  });
  EXPECT_TRUE(child.wait().success());
}

TEST(Fifo, OneThatCannotBeGivenItsModeIsTakenBack) {
  const test::ScratchDirectory scratch;
  auto child = test::fork_child([&](test::Ready) {
    const std::string path = scratch.file("fifo");
    ::umask(0777);
    rlimit none{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &none), 0);
    none.rlim_cur = 0;
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
    for (const bool exclusive : {true, false}) {
      auto made = create_fifo(path, {.mode = 0600, .exclusive = exclusive});
      ASSERT_FALSE(made);
      EXPECT_EQ(made.error().code(), EMFILE);
      EXPECT_NE(::access(path.c_str(), F_OK), 0);
    }
  });
  EXPECT_TRUE(child.wait().success());
}

TEST(Fifo, APathOfEndlessLinksIsToldAsSuch) {
  const test::ScratchDirectory scratch;
  std::filesystem::create_symlink("loop", scratch.file("loop"));
  const std::string path = scratch.file("loop/fifo");
  EXPECT_EQ(remove_fifo(path).error().code(), ELOOP);
  EXPECT_EQ(create_fifo(path, {.exclusive = false}).error().code(), ELOOP);
  EXPECT_EQ(open_fifo_reader(path).error().code(), ELOOP);
}

TEST(Fifo, IsMadeExclusivelyUnlessAnEqualOneWillDo) {
  const test::ScratchDirectory scratch;
  const std::string path = scratch.file("fifo");
  ASSERT_TRUE(create_fifo(path));
  EXPECT_EQ(create_fifo(path).error().code(), EEXIST);
  EXPECT_TRUE(create_fifo(path, {.exclusive = false}));
  auto wider = create_fifo(path, {.mode = 0666, .exclusive = false});
  ASSERT_FALSE(wider);
  EXPECT_EQ(wider.error().code(), EEXIST);
  EXPECT_NE(wider.error().message().find("mode 0600, not 0666"), std::string::npos) << wider.error().message();

  const std::string file = scratch.file("file");
  std::ofstream{file} << "text";
  const std::string link = scratch.file("link");
  std::filesystem::create_symlink(path, link);
  for (const std::string& other : {file, link, scratch.path()}) {
    EXPECT_EQ(create_fifo(other).error().code(), EEXIST);
    EXPECT_EQ(create_fifo(other, {.exclusive = false}).error().code(), EEXIST);
  }
  EXPECT_EQ(create_fifo(scratch.file("no/such/folder")).error().code(), ENOENT);
}

TEST(Fifo, RemovesAndOpensNothingThatIsNoFifo) {
  const test::ScratchDirectory scratch;
  const auto before = test::open_descriptors();
  const std::string fifo = scratch.file("fifo");
  ASSERT_TRUE(create_fifo(fifo));
  const std::string file = scratch.file("file");
  std::ofstream{file} << "text";
  const std::string link = scratch.file("link");
  std::filesystem::create_symlink(fifo, link);
  const std::string socket_path = scratch.file("socket");
  const UniqueFd socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  socket_path.copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);

  for (const std::string& other : {file, link, socket_path, scratch.path(), std::string{"/dev/null"}}) {
    auto removed = remove_fifo(other);
    ASSERT_FALSE(removed);
    EXPECT_EQ(removed.error().code(), EINVAL);
    EXPECT_TRUE(std::filesystem::exists(std::filesystem::symlink_status(other)));
    const int refused = other == link ? ELOOP : EINVAL;
    EXPECT_EQ(open_fifo_reader(other).error().code(), refused);
    // A socket's path would give the ENXIO of a FIFO without readers: for ever.
    EXPECT_EQ(open_fifo_writer(other).error().code(), refused);
  }
  EXPECT_EQ(remove_fifo(scratch.file("missing")).error().code(), ENOENT);
  EXPECT_EQ(open_fifo_reader(scratch.file("missing")).error().code(), ENOENT);
  EXPECT_TRUE(remove_fifo(fifo));
  EXPECT_FALSE(std::filesystem::exists(fifo));
  EXPECT_EQ(test::open_descriptors().size(), before.size() + 1) << "the socket of this test alone";
}

TEST(Fifo, ASecondUserWhoSquatsTheNameIsRefusedAndNamed) {
  GINNEL_REQUIRE_ROOT();
  const test::ScratchDirectory scratch;
  ASSERT_EQ(::chmod(scratch.path().c_str(), 01777), 0);
  const std::string path = scratch.file("fifo");
  auto squatter =
      test::fork_child_as(test::other_uid, [&](test::Ready) { ASSERT_TRUE(create_fifo(path, {.mode = 0666})); });
  ASSERT_TRUE(squatter.wait().success());
  for (const bool exclusive : {true, false}) {
    auto made = create_fifo(path, {.mode = 0666, .exclusive = exclusive});
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().code(), EEXIST);
    if (exclusive) continue;
    EXPECT_NE(made.error().message().find("uid 65534"), std::string::npos) << made.error().message();
  }
  ASSERT_EQ(::unlink(path.c_str()), 0);
  ASSERT_TRUE(create_fifo(path));
  auto stranger = test::fork_child_as(test::other_uid, [&](test::Ready) {
    const std::string whose = "it belongs to uid 0 and has mode 0600, and this process is uid 65534";
    const auto reader = open_fifo_reader(path);
    EXPECT_EQ(reader.error().code(), EACCES);
    EXPECT_EQ(reader.error().hint(), whose);
    const auto writer = open_fifo_writer(path, Deadline::after(1s));
    EXPECT_EQ(writer.error().code(), EACCES);
    EXPECT_EQ(writer.error().hint(), whose);
    const auto removed = remove_fifo(path);
    EXPECT_EQ(removed.error().code(), EPERM);
    EXPECT_NE(removed.error().hint().find("only its owner"), std::string::npos) << removed.error().message();
  });
  EXPECT_TRUE(stranger.wait().success());
}

TEST(Fifo, APlaceWhereNoneCanBeMadeIsToldWithTheReason) {
  GINNEL_REQUIRE_ROOT();
  const test::ScratchDirectory scratch;
  EXPECT_EQ(create_fifo(scratch.file("no/fifo")).error().hint(),
            "there is no directory " + scratch.file("no") + ": make it first");
  ASSERT_EQ(::chmod(scratch.path().c_str(), 0755), 0);
  auto stranger = test::fork_child_as(test::other_uid, [&](test::Ready) {
    const auto made = create_fifo(scratch.file("fifo"));
    EXPECT_EQ(made.error().code(), EACCES);
    EXPECT_NE(made.error().hint().find("belongs to uid 0 and has mode 0755"), std::string::npos) << made.error().hint();
  });
  EXPECT_TRUE(stranger.wait().success());
}

TEST(Fifo, WriterOpenGivesUpAtItsDeadlineWithoutAReader) {
  const test::ScratchDirectory scratch;
  const std::string path = scratch.file("fifo");
  ASSERT_TRUE(create_fifo(path));
  const auto before = test::open_descriptors();
  const auto start = Deadline::Clock::now();
  const test::SignalStorm storm;
  auto late = open_fifo_writer(path, Deadline::after(30ms));
  ASSERT_TRUE(late) << late.error().message();
  EXPECT_TRUE(late->is<TimedOut>());
  EXPECT_GE(Deadline::Clock::now() - start, 30ms);
  EXPECT_TRUE(open_fifo_writer(path, Deadline::immediately())->is<TimedOut>());
  EXPECT_EQ(test::open_descriptors(), before);
}

TEST(Fifo, WriterOpenMeetsAReaderThatComesLaterAndItsDescriptorIsClosedOnExec) {
  const test::ScratchDirectory scratch;
  const std::string path = scratch.file("fifo");
  ASSERT_TRUE(create_fifo(path));
  auto writer = test::fork_child([&](test::Ready ready) {
    ready.say();
    const UniqueFd fd = writer_of(path);
    EXPECT_EQ(::fcntl(fd.get(), F_GETFD), FD_CLOEXEC);
    ASSERT_TRUE(write_all(fd.get(), as_bytes("late")));
  });
  writer.wait_until_ready();
  test::wait_until_blocked_in(writer.pid(), SYS_clock_nanosleep);
  const UniqueFd reader = reader_of(path);
  EXPECT_EQ(::fcntl(reader.get(), F_GETFD), FD_CLOEXEC);
  std::array<std::byte, 16> buffer{};
  auto got = read_all(reader.get(), buffer, Deadline::after(30s));
  ASSERT_TRUE(got);
  EXPECT_EQ(as_text(std::span{buffer}.first(got->bytes)), "late");
  EXPECT_TRUE(writer.wait().success());
}

TEST(Fifo, AReaderWaitsForItsFirstWriterAndIsToldTheEndOfTheLast) {
  const test::ScratchDirectory scratch;
  const std::string path = scratch.file("fifo");
  ASSERT_TRUE(create_fifo(path));
  const UniqueFd reader = reader_of(path);
  std::array<std::byte, 16> buffer{};
  auto none = read_some(reader.get(), buffer, Deadline::after(10ms));
  ASSERT_TRUE(none);
  EXPECT_TRUE(none->is<TimedOut>()) << "no writer has been there: that is no end";
  EXPECT_TRUE(read_some(reader.get(), buffer, Deadline::immediately())->is<TimedOut>());

  auto writer = test::fork_child([&](test::Ready ready) {
    const UniqueFd fd = writer_of(path);
    ready.say();
    ready.stay();
  });
  writer.wait_until_ready();
  EXPECT_TRUE(read_some(reader.get(), buffer, Deadline::after(10ms))->is<TimedOut>());
  writer.kill_and_reap(SIGKILL);
  EXPECT_TRUE(read_some(reader.get(), buffer, Deadline::after(30s))->is<EndOfStream>());

  UniqueFd second = writer_of(path);
  ASSERT_TRUE(write_all(second.get(), as_bytes("again")));
  second.reset();
  EXPECT_EQ(read_all(reader.get(), buffer)->bytes, 5U);
}

TEST(Fifo, WritingAfterTheReaderWasKilledSaysPeerGone) {
  ASSERT_EQ(std::signal(SIGPIPE, SIG_DFL), SIG_DFL);
  const test::ScratchDirectory scratch;
  const std::string path = scratch.file("fifo");
  ASSERT_TRUE(create_fifo(path));
  auto reader = test::fork_child([&](test::Ready ready) {
    const UniqueFd fd = reader_of(path);
    ready.say();
    ready.stay();
  });
  reader.wait_until_ready();
  const UniqueFd writer = writer_of(path);
  reader.kill_and_reap(SIGKILL);
  EXPECT_TRUE(write_some(writer.get(), as_bytes("x"))->is<PeerGone>());
  EXPECT_TRUE(send_message(writer.get(), as_bytes("x"))->is<PeerGone>());
}

TEST(Fifo, WorksWithTheClassicToolsOnTheOtherEnd) {
  const test::ScratchDirectory scratch;
  const std::string path = scratch.file("fifo");
  ASSERT_TRUE(test::run_program({"mkfifo", path}).status.success());

  // `cat` waits inside open(2) for us, where nothing announces it.
  const std::string copied = scratch.file("copied");
  auto cat = spawn({"sh", "-c", "exec cat \"$0\" > \"$1\"", path, copied});
  ASSERT_TRUE(cat) << cat.error().message();
  UniqueFd writer = writer_of(path);
  ASSERT_TRUE(write_all(writer.get(), as_bytes("payload\n")));
  writer.reset();
  EXPECT_TRUE(cat->collect()->as<ExitStatus>().success());
  EXPECT_EQ(test::run_program({"cat", copied}).output, "payload\n");

  ASSERT_TRUE(remove_fifo(path));
  ASSERT_TRUE(create_fifo(path));
  auto echo = spawn({"sh", "-c", "echo payload > \"$0\"", path});
  ASSERT_TRUE(echo);
  const UniqueFd reader = reader_of(path);
  std::array<std::byte, 64> buffer{};
  auto got = read_all(reader.get(), buffer, Deadline::after(30s));
  ASSERT_TRUE(got);
  EXPECT_EQ(as_text(std::span{buffer}.first(got->bytes)), "payload\n");
  EXPECT_TRUE(echo->collect()->as<ExitStatus>().success());
}

}  // namespace
}  // namespace ginnel
