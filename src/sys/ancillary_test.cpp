#include "ginnel/sys/ancillary.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <fstream>

#include "ginnel/sys/unix_socket.hpp"
#include "support/child_process.hpp"
#include "support/scratch.hpp"
#include "support/signal_storm.hpp"

namespace ginnel {
namespace {

using namespace std::chrono_literals;

struct Ends {
  UniqueFd left;
  UniqueFd right;
};

Ends make_ends(int type) {
  std::array<int, 2> fds{};
  if (::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fds.data()) < 0) throw std::runtime_error{"socketpair"};
  return {UniqueFd{fds[0]}, UniqueFd{fds[1]}};
}

constexpr std::array all_types{SOCK_STREAM, SOCK_SEQPACKET, SOCK_DGRAM};

ReceivedWithDescriptors receive_from(int socket) {
  std::array<std::byte, 256> buffer{};
  auto received = receive_descriptors(socket, buffer, Deadline::after(20s));
  if (!received) throw std::runtime_error{received.error().message()};
  return std::move(received->as<ReceivedWithDescriptors>());
}

ino_t inode_of(int fd) {
  struct stat found{};
  return ::fstat(fd, &found) == 0 ? found.st_ino : 0;
}

UniqueFd null_device() { return UniqueFd{::open("/dev/null", O_RDWR | O_CLOEXEC)}; }

TEST(Ancillary, Carries253DescriptorsInOrderOnEveryTypeAndRefusesMoreBeforeSending) {
  const auto before = test::open_descriptor_count();
  for (const int type : all_types) {
    const Ends ends = make_ends(type);
    std::vector<UniqueFd> files;
    std::vector<int> numbers;
    for (std::size_t i = 0; i <= passed_descriptors_max; ++i) {
      files.emplace_back(::memfd_create("passed", MFD_CLOEXEC));
      numbers.push_back(files.back().get());
    }
    auto refused = send_descriptors(ends.left.get(), as_bytes("x"), numbers);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), EINVAL);
    EXPECT_NE(refused.error().message().find("253"), std::string::npos);

    numbers.pop_back();
    auto sent = send_descriptors(ends.left.get(), as_bytes("x"), numbers);
    ASSERT_TRUE(sent && sent->is<BytesWritten>());
    const ReceivedWithDescriptors received = receive_from(ends.right.get());
    EXPECT_EQ(received.bytes, 1U);
    ASSERT_EQ(received.descriptors.size(), passed_descriptors_max);
    for (std::size_t i = 0; i < passed_descriptors_max; ++i) {
      EXPECT_EQ(inode_of(received.descriptors[i].get()), inode_of(numbers[i]));
      EXPECT_EQ(::fcntl(received.descriptors[i].get(), F_GETFD), FD_CLOEXEC);
      EXPECT_EQ(*descriptor_kind(received.descriptors[i].get()), DescriptorKind::memfd);
    }
  }
  EXPECT_EQ(test::open_descriptor_count(), before);
}

TEST(Ancillary, AllArriveOrNoneAtTheReceiversLimit) {
  for (const int type : all_types) {
    const Ends ends = make_ends(type);
    auto receiver = test::fork_child([&](test::Ready ready) {
      std::vector<UniqueFd> filling;
      const rlimit few{.rlim_cur = 32, .rlim_max = 32};
      ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
      for (int fd = ::dup(0); fd >= 0; fd = ::dup(0)) filling.emplace_back(fd);
      filling.pop_back();
      filling.pop_back();  // room for two of five, or for the list of descriptors itself
      ready.say();
      std::array<std::byte, 8> buffer{};
      auto refused = receive_descriptors(ends.right.get(), buffer, Deadline::after(20s));
      ASSERT_FALSE(refused);
      EXPECT_EQ(refused.error().code(), EMFILE);
      EXPECT_NE(refused.error().message().find("32 (RLIMIT_NOFILE"), std::string::npos) << refused.error().message();
      // Both places are free again.
      const UniqueFd first{::dup(0)};
      const UniqueFd second{::dup(0)};
      EXPECT_TRUE(first.valid() && second.valid());
      EXPECT_LT(::dup(0), 0);
      filling.clear();
      auto next = receive_descriptors(ends.right.get(), buffer, Deadline::after(20s));
      ASSERT_TRUE(next) << next.error().message();
      EXPECT_EQ(next->as<ReceivedWithDescriptors>().descriptors.size(), 1U);
    });
    receiver.wait_until_ready();
    const UniqueFd file = null_device();
    const std::array five{file.get(), file.get(), file.get(), file.get(), file.get()};
    ASSERT_TRUE(send_descriptors(ends.left.get(), as_bytes("five"), five)->is<BytesWritten>());
    ASSERT_TRUE(send_descriptors(ends.left.get(), as_bytes("one"), std::span{five}.first(1))->is<BytesWritten>());
    EXPECT_TRUE(receiver.wait().success());
  }
}

TEST(Ancillary, AUsersTooManyInFlightAreAnOutcomeAndGoThroughOnceSomeWereTaken) {
  GINNEL_REQUIRE_ROOT();
  auto user = test::fork_child_as(61234, [&](test::Ready) {
    const rlimit few{.rlim_cur = 64, .rlim_max = 64};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
    const Ends ends = make_ends(SOCK_SEQPACKET);
    const UniqueFd file = null_device();
    const std::vector<int> ten(10, file.get());
    int sent = 0;
    while (true) {
      auto outcome = send_descriptors(ends.left.get(), as_bytes("ten"), ten);
      ASSERT_TRUE(outcome) << outcome.error().message();
      if (outcome->is<TooManyInFlight>()) break;
      ASSERT_LT(++sent, 20);
    }
    EXPECT_GT(sent, 0);
    for (int i = 0; i < sent; ++i) EXPECT_EQ(receive_from(ends.right.get()).descriptors.size(), 10U);
    EXPECT_TRUE(send_descriptors(ends.left.get(), as_bytes("again"), ten)->is<BytesWritten>());
    EXPECT_EQ(receive_from(ends.right.get()).descriptors.size(), 10U);
  });
  EXPECT_TRUE(user.wait().success());
}

TEST(Ancillary, StreamBytesOfMessagesWithDescriptorsDoNotMerge) {
  const Ends ends = make_ends(SOCK_STREAM);
  const UniqueFd file = null_device();
  const UniqueFd other{::memfd_create("other", MFD_CLOEXEC)};
  const std::array one{file.get()};
  const std::array two{other.get(), file.get()};
  ASSERT_TRUE(send_descriptors(ends.left.get(), as_bytes("first"), one));
  ASSERT_TRUE(send_descriptors(ends.left.get(), as_bytes("second"), two));
  const ReceivedWithDescriptors first = receive_from(ends.right.get());
  EXPECT_EQ(first.bytes, 5U);
  EXPECT_EQ(first.descriptors.size(), 1U);
  const ReceivedWithDescriptors second = receive_from(ends.right.get());
  EXPECT_EQ(second.bytes, 6U);
  ASSERT_EQ(second.descriptors.size(), 2U);
  EXPECT_EQ(inode_of(second.descriptors[0].get()), inode_of(other.get()));

  // Descriptors come with the first of their bytes, once, however small the buffer.
  ASSERT_TRUE(send_descriptors(ends.left.get(), as_bytes("ab"), one));
  std::array<std::byte, 1> small{};
  EXPECT_EQ(receive_descriptors(ends.right.get(), small)->as<ReceivedWithDescriptors>().descriptors.size(), 1U);
  EXPECT_TRUE(receive_descriptors(ends.right.get(), small)->as<ReceivedWithDescriptors>().descriptors.empty());
}

TEST(Ancillary, PlainReceivesAndTruncatedOnesLeakNoDescriptor) {
  auto seqpackets = UnixSeqpacket::pair();
  auto streams = UnixStream::pair();
  ASSERT_TRUE(seqpackets && streams);
  const UniqueFd file = null_device();
  const std::vector<int> many(50, file.get());
  const auto before = test::open_descriptor_count();
  std::array<std::byte, 2> buffer{};

  ASSERT_TRUE(send_descriptors(seqpackets->first.pollable(), as_bytes("ab"), many));
  EXPECT_EQ(seqpackets->second.receive(buffer)->as<ReceivedMessage>().bytes, 2U);
  ASSERT_TRUE(send_descriptors(streams->first.pollable(), as_bytes("ab"), many));
  EXPECT_EQ(streams->second.read(buffer)->as<BytesRead>().count, 2U);
  ASSERT_TRUE(send_descriptors(seqpackets->first.pollable(), as_bytes("too long"), many));
  auto cut = receive_descriptors(seqpackets->second.pollable(), buffer);
  ASSERT_FALSE(cut);
  EXPECT_EQ(cut.error().code(), EMSGSIZE);
  EXPECT_EQ(test::open_descriptor_count(), before);
}

TEST(Ancillary, CredentialsAskedForBesidesTakeNoRoomFromTheDescriptors) {
  for (const int type : all_types) {
    const Ends ends = make_ends(type);
    const int on = 1;
    ASSERT_EQ(::setsockopt(ends.right.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof on), 0);
    (void)::setsockopt(ends.right.get(), SOL_SOCKET, 76 /* SO_PASSPIDFD, Linux 6.5 */, &on, sizeof on);
    const UniqueFd file = null_device();
    const std::vector<int> most(passed_descriptors_max, file.get());
    const auto before = test::open_descriptor_count();
    ASSERT_TRUE(send_descriptors(ends.left.get(), as_bytes("x"), most)->is<BytesWritten>());
    EXPECT_EQ(receive_from(ends.right.get()).descriptors.size(), passed_descriptors_max);
    EXPECT_EQ(test::open_descriptor_count(), before);
  }
}

TEST(Ancillary, ASocketPassesThroughItself) {
  for (const int type : all_types) {
    const Ends ends = make_ends(type);
    const std::array both{ends.left.get(), ends.right.get()};
    ASSERT_TRUE(send_descriptors(ends.left.get(), as_bytes("me"), both)->is<BytesWritten>());
    const ReceivedWithDescriptors received = receive_from(ends.right.get());
    ASSERT_EQ(received.descriptors.size(), 2U);
    EXPECT_EQ(inode_of(received.descriptors[0].get()), inode_of(ends.left.get()));
  }
}

TEST(Ancillary, AFileThatTheReceiverMayNotOpenIsReadAllTheSameAfterItsSenderWasKilled) {
  GINNEL_REQUIRE_ROOT();
  const test::ScratchDirectory scratch;
  std::ofstream{scratch.file("secret")} << "content";
  Ends ends = make_ends(SOCK_STREAM);
  auto sender = test::fork_child([&](test::Ready ready) {
    const UniqueFd file{::open(scratch.file("secret").c_str(), O_RDONLY | O_CLOEXEC)};
    const std::array one{file.get()};
    ASSERT_TRUE(send_descriptors(ends.left.get(), as_bytes("x"), one)->is<BytesWritten>());
    ready.say();
    ready.stay();
  });
  ends.left.reset();
  sender.wait_until_ready();
  sender.kill_and_reap(SIGKILL);

  auto receiver = test::fork_child_as(test::other_uid, [&](test::Ready) {
    EXPECT_LT(::open(scratch.file("secret").c_str(), O_RDONLY | O_CLOEXEC), 0);
    const ReceivedWithDescriptors received = receive_from(ends.right.get());
    ASSERT_EQ(received.descriptors.size(), 1U);
    std::array<std::byte, 16> content{};
    EXPECT_EQ(read_all(received.descriptors[0].get(), content)->bytes, 7U);
    std::array<std::byte, 16> buffer{};
    EXPECT_TRUE(receive_descriptors(ends.right.get(), buffer)->is<EndOfStream>());
  });
  EXPECT_TRUE(receiver.wait().success());
}

TEST(Ancillary, EmptyMessagesCarryDescriptorsAndAreToldFromTheEnd) {
  Ends ends = make_ends(SOCK_SEQPACKET);
  const UniqueFd file = null_device();
  const std::array one{file.get()};
  ASSERT_TRUE(send_descriptors(ends.left.get(), {}, one)->is<BytesWritten>());
  ASSERT_TRUE(send_descriptors(ends.left.get(), {}, {})->is<BytesWritten>());
  ends.left.reset();
  EXPECT_EQ(receive_from(ends.right.get()).descriptors.size(), 1U);
  EXPECT_TRUE(receive_from(ends.right.get()).descriptors.empty());
  EXPECT_TRUE(receive_descriptors(ends.right.get(), {})->is<EndOfStream>());
}

TEST(Ancillary, RefusalsNameWhatIsWrongAndTheWaitsHaveADeadline) {
  const Ends stream = make_ends(SOCK_STREAM);
  const UniqueFd file = null_device();
  const std::array one{file.get()};
  EXPECT_EQ(send_descriptors(stream.left.get(), {}, one).error().code(), EINVAL);
  EXPECT_EQ(receive_descriptors(stream.right.get(), {}).error().code(), EINVAL);
  const std::array bad{file.get(), 987};
  auto not_open = send_descriptors(stream.left.get(), as_bytes("x"), bad);
  EXPECT_EQ(not_open.error().code(), EBADF);
  EXPECT_EQ(not_open.error().object(), "fd 987");
  EXPECT_EQ(send_descriptors(file.get(), as_bytes("x"), one).error().code(), ENOTSOCK);

  std::array<std::byte, 8> buffer{};
  EXPECT_TRUE(receive_descriptors(stream.right.get(), buffer, Deadline::immediately())->is<TimedOut>());
  EXPECT_TRUE(receive_descriptors(stream.right.get(), buffer, Deadline::after(10ms))->is<TimedOut>());
  const std::vector<std::byte> much(4'000'000);
  auto partly = send_descriptors(stream.left.get(), much, one);
  ASSERT_TRUE(partly && partly->is<BytesWritten>());
  EXPECT_LT(partly->as<BytesWritten>().count, much.size());
  EXPECT_TRUE(send_descriptors(stream.left.get(), much, one, Deadline::after(10ms))->is<TimedOut>());
  for (const int type : all_types) {
    Ends ends = make_ends(type);
    ends.right.reset();
    EXPECT_TRUE(send_descriptors(ends.left.get(), as_bytes("x"), one)->is<PeerGone>());
  }
}

TEST(Ancillary, SignalStormLosesAndDoublesNoDescriptor) {
  Ends ends = make_ends(SOCK_STREAM);
  constexpr int messages = 2000;
  auto sender = test::fork_child([&](test::Ready) {
    ends.right.reset();
    const test::SignalStorm storm;
    const UniqueFd file = null_device();
    const std::array three{file.get(), file.get(), file.get()};
    for (int i = 0; i < messages; ++i)
      ASSERT_TRUE(send_descriptors(ends.left.get(), as_bytes("xy"), three)->is<BytesWritten>());
  });
  ends.left.reset();
  const test::SignalStorm storm;
  std::size_t bytes = 0;
  std::size_t descriptors = 0;
  while (true) {
    std::array<std::byte, 64> buffer{};
    auto got = receive_descriptors(ends.right.get(), buffer);
    ASSERT_TRUE(got) << got.error().message();
    if (got->is<EndOfStream>()) break;
    bytes += got->as<ReceivedWithDescriptors>().bytes;
    descriptors += got->as<ReceivedWithDescriptors>().descriptors.size();
  }
  EXPECT_EQ(bytes, 2U * messages);
  EXPECT_EQ(descriptors, 3U * messages);
  EXPECT_TRUE(sender.wait().success());
}

}  // namespace
}  // namespace ginnel
