#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/falloc.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "channel_link.hpp"
#include "ginnel/msg/channel.hpp"
#include "ginnel/msg/service.hpp"
#include "ginnel/sys/io.hpp"
#include "support/child_process.hpp"
#include "support/fuse_file.hpp"
#include "support/hand_made_peer.hpp"
#include "support/messaging_test.hpp"

// Descriptors of a wrong kind in place of a peer's memory or of its process: refused before anything is mapped, and whoever else comes is served. And what
// a peer can do to the memory that it has handed over: nothing but write what is hostile anyway. There is no SIGBUS.

namespace ginnel {
namespace {

using namespace std::chrono_literals;
using namespace ginnel::detail;
using namespace ginnel::hand_made;

using Doubler = Service<std::uint64_t, std::uint64_t>;
using DoublerClient = Client<std::uint64_t, std::uint64_t>;
using Asked = Request<std::uint64_t, std::uint64_t>;

constexpr std::uint64_t size_of_memory = page_bytes + capacity;
constexpr const char* only_path = "memory of which only the path is open";

struct WrongKind {
  std::string name;
  std::function<UniqueFd()> make;  ///< nothing, where this machine has no such thing
};

UniqueFd half_of(int domain, int type) {
  std::array<int, 2> pair{};
  if (::socketpair(domain, type | SOCK_CLOEXEC, 0, pair.data()) < 0) return {};
  ::close(pair[1]);
  return UniqueFd{pair[0]};
}

/// A file of tmpfs, of the right size, allocated: everything but a memfd.
UniqueFd file_in_memory() {
  UniqueFd file{::open("/dev/shm", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600)};
  if (file.valid() && ::posix_fallocate(file.get(), 0, size_of_memory) != 0) return {};
  return file;
}

/// Its pages are given back after they were counted, and before it is sealed.
UniqueFd memory_with_a_hole() {
  auto made = must(Memfd::create("hostile", Bytes{size_of_memory}));
  const int fd = made.descriptor();
  if (::fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, page_bytes, page_bytes) < 0) return {};
  if (auto sealed = made.add_seals(good_seals); !sealed) return {};
  return std::move(made).release();
}

UniqueFd again(const UniqueFd& fd, int flags) {
  return opened(("/proc/self/fd/" + std::to_string(fd.get())).c_str(), flags);
}

const std::vector<WrongKind>& wrong_kinds() {
  static const std::vector<WrongKind> kinds{
      {"memory without seals", [] { return memory(Seals::none); }},
      {"memory that may shrink", [] { return memory(Seals::grow | Seals::future_write); }},
      {"memory in which holes may be made", [] { return memory(Seals::shrink | Seals::grow); }},
      {"huge memory", [] { return sparse_memory(std::uint64_t{1} << 40U); }},
      {"sparse memory", [] { return sparse_memory(size_of_memory); }},
      {"memory with a hole", memory_with_a_hole},
      {"memory of huge pages",
       [] {
         UniqueFd fd{static_cast<int>(::memfd_create("hostile", MFD_CLOEXEC | MFD_HUGETLB | MFD_ALLOW_SEALING))};
         if (fd.valid() && ::ftruncate(fd.get(), 2 << 20) == 0)
           ::fcntl(fd.get(), F_ADD_SEALS, static_cast<int>(good_seals));
         return fd;
       }},
      {"memory that cannot be read", [] { return again(memory(), O_WRONLY); }},
      {only_path, [] { return again(memory(), O_PATH); }},
      {"a file in memory", file_in_memory},
      {"a file of the disk", [] { return opened("/proc/self/exe", O_RDONLY); }},
      {"a file of /proc", [] { return opened("/proc/self/mem", O_RDWR); }},
      {"a directory", [] { return opened("/", O_RDONLY); }},
      {"a device", [] { return opened("/dev/zero", O_RDWR); }},
      {"a pipe",
       [] {
         std::array<int, 2> ends{};
         if (::pipe2(ends.data(), O_CLOEXEC) < 0) return UniqueFd{};
         ::close(ends[1]);
         return UniqueFd{ends[0]};
       }},
      {"a socket", [] { return half_of(AF_UNIX, SOCK_STREAM); }},
      {"an eventfd", [] { return UniqueFd{::eventfd(1, EFD_CLOEXEC)}; }},
      {"a process", this_process},
  };
  return kinds;
}

class DescriptorTest : public test::MessagingTest {
 protected:
  const std::string path_ = home_ + "/socket";

  /// A server that lets nobody in who is not right, and serves those who are.
  class Served {
   public:
    explicit Served(const std::string& path)
        : path_{path}, server_{must(Doubler::listen(path, {.waiting = Waiting::sleeping}))} {}

    /// What it says of who comes with these.
    [[nodiscard]] Error verdict_on(const std::vector<UniqueFd>& descriptors) {
      auto connected = must(UnixSeqpacket::connect(UnixAddress{path_}));
      send_raw(connected.as<UnixSeqpacket>().pollable(), good_hello(), descriptors);
      auto next = must(server_.next(Deadline::after(30s)));
      if (!next.is<TurnedAway>()) return {0, "let in"};
      EXPECT_EQ(next.as<TurnedAway>().peer.pid, ::getpid());
      return next.as<TurnedAway>().why;
    }
    void expect_service() {
      std::optional<std::uint64_t> answer;
      std::thread asking{[&] {
        auto client = must(DoublerClient::connect(path_));
        const auto called = must(client.call(21, Deadline::after(30s)));
        if (called.is<Incoming<std::uint64_t>>()) answer = *called.as<Incoming<std::uint64_t>>();
      }};
      auto next = must(server_.next(Deadline::after(30s)));
      if (next.is<Asked>()) static_cast<void>(next.as<Asked>().answer(2 * *next.as<Asked>()));
      asking.join();
      EXPECT_EQ(answer, 42U);
      EXPECT_TRUE(must(server_.next(Deadline::after(1ms))).is<TimedOut>());
    }

   private:
    std::string path_;
    Doubler server_;
  };
};

TEST_F(DescriptorTest, WhatIsNoPeersMemoryIsRefusedAndOthersAreServedThreads) {
  Served served{path_};
  served.expect_service();
  for (const WrongKind& kind : wrong_kinds()) {
    UniqueFd wrong = kind.make();
    if (!wrong.valid()) continue;
    const auto before = test::open_descriptor_count();
    const Error verdict = served.verdict_on(with_memory(copy_of(wrong.get())));
    const std::array refusals{EINVAL, EPERM, EFBIG, ENODATA, EBADMSG, EBADF, EACCES};
    EXPECT_NE(std::ranges::find(refusals, verdict.code()), refusals.end()) << kind.name << ": " << verdict.message();
    EXPECT_NE(verdict.message().find(path_), std::string::npos) << kind.name << ": " << verdict.message();
    EXPECT_EQ(test::open_descriptor_count(), before) << kind.name;
    served.expect_service();
  }
}

TEST_F(DescriptorTest, WhatIsNoProcessIsRefusedAndOthersAreServedThreads) {
  Served served{path_};
  for (const WrongKind& kind : wrong_kinds()) {
    UniqueFd wrong = kind.make();
    if (!wrong.valid() || kind.name == "a process") continue;
    const Error verdict = served.verdict_on(both_of(memory(), std::move(wrong)));
    EXPECT_EQ(verdict.code(), kind.name == only_path ? EBADF : EBADMSG) << kind.name << ": " << verdict.message();
    EXPECT_NE(verdict.message().find(path_), std::string::npos) << kind.name << ": " << verdict.message();
  }
  served.expect_service();
}

/// Whoever serves its file system answers each question about it, or never: none is put.
TEST_F(DescriptorTest, AFileOfAFileSystemThatAPeerServesIsNotAskedThreads) {
  const auto file = test::FuseFile::open();
  if (!file) GTEST_SKIP() << "no file system in user space may be mounted here";
  Served served{path_};
  EXPECT_EQ(served.verdict_on(with_memory(file->duplicate())).code(), EINVAL);
  EXPECT_EQ(served.verdict_on(both_of(memory(), file->duplicate())).code(), EBADMSG);
  EXPECT_EQ(file->questions(), 0);
  served.expect_service();
}

TEST_F(DescriptorTest, AClientRefusesTheSameOfAServerThreads) {
  for (const WrongKind& kind : wrong_kinds()) {
    UniqueFd wrong = kind.make();
    if (!wrong.valid()) continue;
    auto listener = must(UnixListener::listen(UnixType::seqpacket, UnixAddress{path_}));
    std::thread serving{[&] {
      auto accepted = must(listener.accept(Deadline::after(30s)));
      std::array<std::byte, sizeof(ChannelHello)> buffer{};
      static_cast<void>(receive_descriptors(accepted.as<UniqueFd>().get(), buffer, Deadline::after(30s)));
      send_raw(accepted.as<UniqueFd>().get(), good_hello(), with_memory(std::move(wrong)));
    }};
    const auto connected = DoublerClient::connect(path_);
    serving.join();
    ASSERT_FALSE(connected.has_value()) << kind.name;
    EXPECT_NE(connected.error().code(), ECONNRESET) << kind.name << ": " << connected.error().message();
  }
}

/// A peer that has mapped its memory for writing before it sealed it, as it should.
class HandedOverTest : public DescriptorTest {
 protected:
  void SetUp() override {
    DescriptorTest::SetUp();
    memory_ = std::move(must(Memfd::create("hostile", Bytes{size_of_memory}))).release();
    mapping_ = must(MirroredMapping::map(memory_.get(), Bytes{page_bytes}, Bytes{capacity}, FileAccess::read_write));
    ASSERT_EQ(::fcntl(memory_.get(), F_ADD_SEALS, static_cast<int>(good_seals)), 0);
    auto listener = must(ChannelListener<std::uint64_t>::listen(path_, {.waiting = Waiting::sleeping}));
    auto connected = must(UnixSeqpacket::connect(UnixAddress{path_}));
    socket_ = std::move(connected.as<UnixSeqpacket>()).release();
    send_raw(socket_.get(), good_hello(), with_memory(copy_of(memory_.get())));
    auto accepted = must(listener.accept(Deadline::after(30s)));
    channel_.emplace(std::move(accepted.as<Channel<std::uint64_t>>()));
  }
  void TearDown() override {
    channel_.reset();
    socket_.reset();
    mapping_ = {};
    memory_.reset();
    DescriptorTest::TearDown();
  }
  void write_record(std::uint64_t position, std::uint64_t value) {
    word_at(mapping_.body(), position + word_bytes).store(value);
    word_at(mapping_.body(), position).store(RecordWord::pack(sizeof value, 0));
  }
  void expect_message(std::uint64_t value) {
    const auto got = must(channel_->receive(Deadline::after(30s)));
    ASSERT_TRUE(got.is<Incoming<std::uint64_t>>());
    EXPECT_EQ(*got.as<Incoming<std::uint64_t>>(), value);
  }
  UniqueFd memory_;
  UniqueFd socket_;
  MirroredMapping mapping_;
  std::optional<Channel<std::uint64_t>> channel_;
};

TEST_F(HandedOverTest, NothingIsTakenAwayUnderTheHandsOfWhoReads) {
  write_record(0, 7);
  const int fd = memory_.get();
  EXPECT_LT(::ftruncate(fd, 0), 0);
  EXPECT_LT(::ftruncate(fd, page_bytes), 0);
  EXPECT_LT(::ftruncate(fd, 2 * size_of_memory), 0);
  constexpr int hole = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
  EXPECT_LT(::fallocate(fd, hole, page_bytes, capacity), 0);
  EXPECT_LT(::fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, 0, page_bytes), 0);
  EXPECT_NE(::madvise(mapping_.body(), capacity, MADV_REMOVE), 0) << "by the mapping for writing that it has kept";
  EXPECT_LT(::write(fd, "x", 1), 0);
  EXPECT_EQ(::mmap(nullptr, page_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
  const UniqueFd another = again(memory_, O_RDWR);
  EXPECT_LT(::ftruncate(another.get(), 0), 0);
  expect_message(7);
}

TEST_F(HandedOverTest, PagesThatItGivesUpStayWithWhoReads) {
  write_record(0, 7);
  write_record(16, 8);
  for (const int advice : {MADV_DONTNEED, MADV_COLD, MADV_PAGEOUT})
    static_cast<void>(::madvise(mapping_.head(), size_of_memory, advice));
  mapping_ = {};
  memory_.reset();
  expect_message(7);
  expect_message(8);
}

TEST_F(HandedOverTest, ZerosAreNothingYetAndNeverAMessage) {
  write_record(0, 7);
  write_record(16, 8);
  expect_message(7);
  std::memset(mapping_.head(), 0, size_of_memory);
  EXPECT_TRUE(must(channel_->receive(Deadline::after(1ms))).is<TimedOut>());
  EXPECT_TRUE(must(channel_->send(1, Deadline::after(30s))).is<Done>());
}

}  // namespace
}  // namespace ginnel
