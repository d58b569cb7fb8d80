#include "ginnel/sys/checked_unlink.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <utility>

#include "ginnel/sys/ancillary.hpp"
#include "ginnel/sys/io.hpp"
#include "ginnel/sys/posix_queue.hpp"
#include "ginnel/sys/posix_queue_files.hpp"
#include "ginnel/sys/unix_socket.hpp"
#include "support/blocked_in.hpp"
#include "support/child_process.hpp"
#include "support/scratch.hpp"
#include "support/single_step.hpp"

namespace ginnel {
namespace {

using namespace std::chrono_literals;

std::string name_of(const Result<CheckedUnlink>& unlinked) {
  if (!unlinked) return unlinked.error().message();
  if (unlinked->is<Done>()) return "removed";
  if (unlinked->is<NameGone>()) return "gone";
  return unlinked->is<NameChanged>() ? "changed" : "in use";
}

class CheckedUnlinkTest : public ::testing::Test {
 protected:
  void make() const { std::ofstream{path_} << "content"; }
  [[nodiscard]] FileIdentity identity() const {
    const auto folder = Directory::open(scratch_.path().c_str());
    const auto status = folder->status("file", Follow::no);
    if (!status) throw std::runtime_error{status.error().message()};
    return file_identity(*status);
  }
  [[nodiscard]] bool there() const { return std::filesystem::exists(std::filesystem::symlink_status(path_)); }

  test::ScratchDirectory scratch_;
  std::string path_ = scratch_.file("file");
};

TEST_F(CheckedUnlinkTest, RemovesAFileThatNobodyHas) {
  make();
  const FileIdentity seen = identity();
  EXPECT_EQ(name_of(unlink_checked(path_, seen)), "removed");
  EXPECT_FALSE(there());
  EXPECT_EQ(name_of(unlink_checked(path_, seen)), "gone");
  EXPECT_EQ(name_of(unlink_checked(scratch_.file("no-folder") + "/file", seen)), "gone");
}

TEST_F(CheckedUnlinkTest, LeavesAFileThatSomebodyHasOpenOrMapped) {
  make();
  auto reader = test::fork_child([&](test::Ready ready) {
    const UniqueFd file{::open(path_.c_str(), O_RDONLY | O_CLOEXEC)};
    ready.say();
    ready.stay();
  });
  reader.wait_until_ready();
  EXPECT_EQ(name_of(unlink_checked(path_, identity())), "in use");
  reader.kill_and_reap(SIGKILL);

  auto mapper = test::fork_child([&](test::Ready ready) {
    UniqueFd file{::open(path_.c_str(), O_RDWR | O_CLOEXEC)};
    EXPECT_NE(::mmap(nullptr, 1, PROT_READ, MAP_SHARED, file.get(), 0), MAP_FAILED);
    file.reset();
    ready.say();
    ready.stay();
  });
  mapper.wait_until_ready();
  EXPECT_EQ(name_of(unlink_checked(path_, identity())), "in use");
  mapper.kill_and_reap(SIGKILL);
  EXPECT_EQ(name_of(unlink_checked(path_, identity())), "removed");
}

// No process has such a file open: /proc does not show it anywhere, and only the lease tells.
TEST_F(CheckedUnlinkTest, LeavesAFileThatIsOnItsWayThroughASocket) {
  make();
  auto pair = UnixStream::pair();
  ASSERT_TRUE(pair) << pair.error().message();
  {
    const UniqueFd file{::open(path_.c_str(), O_RDONLY | O_CLOEXEC)};
    const std::array<std::byte, 1> byte{};
    const std::array fds{file.get()};
    ASSERT_TRUE(send_descriptors(pair->first.pollable(), byte, fds));
  }
  EXPECT_EQ(name_of(unlink_checked(path_, identity())), "in use");
  EXPECT_TRUE(there());
}

TEST_F(CheckedUnlinkTest, RemovesTheNameOfAFileInUseWhenAskedTo) {
  make();
  const UniqueFd file{::open(path_.c_str(), O_RDONLY | O_CLOEXEC)};
  EXPECT_EQ(name_of(unlink_checked(path_, identity(), {.files_in_use = FilesInUse::go})), "removed");
  EXPECT_FALSE(there());
}

TEST_F(CheckedUnlinkTest, LeavesAnotherFileOfTheSameName) {
  make();
  const FileIdentity seen = identity();
  ASSERT_EQ(::unlink(path_.c_str()), 0);
  make();
  EXPECT_EQ(name_of(unlink_checked(path_, seen)), "changed");
  EXPECT_TRUE(there());
}

TEST_F(CheckedUnlinkTest, LeavesALinkThatTookThePlace) {
  make();
  const FileIdentity seen = identity();
  ASSERT_EQ(::rename(path_.c_str(), scratch_.file("elsewhere").c_str()), 0);
  ASSERT_EQ(::symlink("elsewhere", path_.c_str()), 0);
  EXPECT_EQ(name_of(unlink_checked(path_, seen)), "changed");
  EXPECT_TRUE(there());
}

TEST_F(CheckedUnlinkTest, AsksNoLeaseOfAFifo) {
  ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
  const UniqueFd reader{::open(path_.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC)};
  EXPECT_EQ(name_of(unlink_checked(path_, identity())), "removed");
}

/// A socket that has the path, as a server makes it.
UniqueFd bound_to(const std::string& path, int type, bool listens) {
  UniqueFd made{::socket(AF_UNIX, type | SOCK_CLOEXEC, 0)};
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  const auto* name = reinterpret_cast<const sockaddr*>(&address);
  EXPECT_EQ(::bind(made.get(), name, sizeof address), 0);
  EXPECT_TRUE(!listens || ::listen(made.get(), 1) == 0);
  return made;
}

TEST_F(CheckedUnlinkTest, LeavesAPathThatASocketIsBoundTo) {
  for (const auto& [type, listens] :
       {std::pair{SOCK_STREAM, true}, {SOCK_STREAM, false}, {SOCK_SEQPACKET, true}, {SOCK_DGRAM, false}}) {
    UniqueFd server = bound_to(path_, type, listens);
    const FileIdentity seen = identity();
    EXPECT_EQ(name_of(unlink_checked(path_, seen)), "in use") << type;
    EXPECT_TRUE(there());
    server.reset();
    EXPECT_EQ(name_of(unlink_checked(path_, seen)), "removed") << type;
  }
  const UniqueFd server = bound_to(path_, SOCK_STREAM, true);
  EXPECT_EQ(name_of(unlink_checked(path_, identity(), {.files_in_use = FilesInUse::go})), "removed");
}

TEST_F(CheckedUnlinkTest, LeavesAPathWhoseSocketIsOfAnotherNetworkNamespace) {
  GINNEL_REQUIRE_ROOT();
  auto server = test::fork_child([&](test::Ready ready) {
    ASSERT_EQ(::unshare(CLONE_NEWNET), 0);
    const UniqueFd listener = bound_to(path_, SOCK_STREAM, true);
    ready.say();
    ready.stay();
  });
  server.wait_until_ready();
  EXPECT_EQ(name_of(unlink_checked(path_, identity())), "in use");
  server.kill_and_reap(SIGKILL);
  EXPECT_EQ(name_of(unlink_checked(path_, identity())), "removed");
}

TEST_F(CheckedUnlinkTest, WaitsForAnotherRemoverUpToTheDeadline) {
  make();
  auto other = test::fork_child([&](test::Ready ready) {
    const UniqueFd folder{::open(scratch_.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    EXPECT_EQ(::flock(folder.get(), LOCK_EX), 0);
    ready.say();
    ready.stay();
  });
  other.wait_until_ready();
  const auto refused = unlink_checked(path_, identity(), {.deadline = Deadline::immediately()});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ETIMEDOUT);
  other.kill_and_reap(SIGKILL);
  EXPECT_EQ(name_of(unlink_checked(path_, identity())), "removed");
}

TEST_F(CheckedUnlinkTest, KeepsNothingOpen) {
  const auto before = test::open_descriptors();
  make();
  EXPECT_EQ(name_of(unlink_checked(path_, identity())), "removed");
  EXPECT_EQ(test::open_descriptors(), before);
}

// A remover killed at any instruction leaves the file or no file, and no lock or lease: the next one finishes.
TEST_F(CheckedUnlinkTest, ARemoverKilledAnywhereLeavesTheNextOneToGoOn) {
  make();
  const auto remove = [this] { static_cast<void>(unlink_checked(path_, identity())); };
  const auto steps = test::count_steps(remove);
  if (!steps) GTEST_SKIP() << "tracing is forbidden here";
  constexpr long deaths = 60;
  bool died_before = false;
  bool died_after = false;
  for (long death = 0; death < deaths; ++death) {
    make();
    const FileIdentity seen = identity();
    static_cast<void>(test::kill_after_steps(*steps * death / deaths, remove));
    (there() ? died_before : died_after) = true;
    const std::string next = name_of(unlink_checked(path_, seen, {.deadline = Deadline::immediately()}));
    EXPECT_TRUE(next == "removed" || next == "gone") << next;
    EXPECT_FALSE(there());
    EXPECT_TRUE(std::filesystem::is_empty(scratch_.path()));
  }
  EXPECT_TRUE(died_before && died_after);
}

class CheckedUnlinkOfQueuesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!folder_) GTEST_SKIP() << folder_.error().message();
    auto made = PosixQueue::create(name_, {.messages = 2, .message_size = Bytes{16}});
    ASSERT_TRUE(made) << made.error().message();
    queue_ = std::move(*made);
  }
  void TearDown() override { static_cast<void>(PosixQueue::unlink(name_)); }
  [[nodiscard]] FileIdentity identity() const {
    return file_identity(folder_->status(name_.c_str() + 1, Follow::no).value());
  }
  [[nodiscard]] std::string unlink(const FileIdentity& seen) const {
    return name_of(unlink_checked(*folder_, name_.substr(1), seen));
  }

  Result<Directory> folder_ = posix_queue_directory();
  std::string name_ = test::unique_name();
  std::optional<PosixQueue> queue_;
};

TEST_F(CheckedUnlinkOfQueuesTest, LeavesAQueueThatSomebodyHasOpen) {
  EXPECT_EQ(unlink(identity()), "in use");
  queue_.reset();
  const FileIdentity seen = identity();
  EXPECT_EQ(unlink(seen), "removed");
  EXPECT_EQ(unlink(seen), "gone");
}

// The clock of file times ticks some hundred times a second only.
TEST_F(CheckedUnlinkOfQueuesTest, LeavesAQueueThatWasUsedSinceTheTickInWhichItWasSeen) {
  const FileIdentity seen = identity();
  while (identity() == seen) {
    ASSERT_TRUE(queue_->send(as_bytes("news")));
    std::array<std::byte, 16> buffer{};
    ASSERT_TRUE(queue_->receive(buffer));
  }
  queue_.reset();
  EXPECT_EQ(unlink(seen), "changed");
}

}  // namespace
}  // namespace ginnel
