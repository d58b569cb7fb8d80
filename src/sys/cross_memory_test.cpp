#include "ginnel/sys/cross_memory.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <ranges>

#include "support/child_process.hpp"
#include "support/scratch.hpp"

namespace ginnel {
namespace {

constexpr std::size_t page = 4096;

std::span<std::byte> private_pages(std::size_t count) {
  void* memory = ::mmap(nullptr, count * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  EXPECT_NE(memory, MAP_FAILED);
  return {static_cast<std::byte*>(memory), count * page};
}

std::string address_text(std::span<std::byte> memory) {
  return std::to_string(reinterpret_cast<std::uintptr_t>(memory.data()));
}

TEST(CrossMemory, ReadsAndWritesTheMemoryOfAConsentingProcess) {
  const auto sent = test::test_pattern(1'000'000);
  const auto answer = test::test_pattern(1'000'000, 2);
  auto parent = Process::self();
  ASSERT_TRUE(parent);
  auto child = test::fork_child([&](test::Ready ready) {
    auto memory = private_pages(300);
    std::ranges::copy(sent, memory.begin());
    ASSERT_TRUE(allow_access_by(*parent));
    ready.say(address_text(memory));
    ready.wait_for_release();
    EXPECT_TRUE(std::ranges::equal(memory.first(answer.size()), answer));
  });
  const std::uintptr_t address = std::stoull(child.next_line());
  std::vector<std::byte> copy(sent.size());
  auto got = read_memory(child.process(), address, copy);
  ASSERT_TRUE(got) << got.error().message();
  ASSERT_TRUE(got->is<BytesRead>());
  EXPECT_EQ(got->as<BytesRead>().count, sent.size());
  EXPECT_EQ(copy, sent);

  auto put = write_memory(child.process(), address, answer);
  ASSERT_TRUE(put) << put.error().message();
  EXPECT_EQ(put->as<BytesWritten>().count, answer.size());
  child.release();
  EXPECT_TRUE(child.wait().success());
}

TEST(CrossMemory, ARangeThatEndsInUnmappedMemoryIsCopiedUpToThere) {
  auto child = test::fork_child([](test::Ready ready) {
    auto memory = private_pages(4);
    std::ranges::fill(memory, std::byte{5});
    ASSERT_EQ(::munmap(memory.data() + 2 * page, 2 * page), 0);
    ready.say(address_text(memory));
    ready.stay();
  });
  const std::uintptr_t address = std::stoull(child.next_line());
  std::vector<std::byte> copy(4 * page);
  auto got = read_memory(child.process(), address + 10, copy);
  ASSERT_TRUE(got) << got.error().message();
  EXPECT_EQ(got->as<BytesRead>().count, 2 * page - 10);
  auto put = write_memory(child.process(), address, copy);
  ASSERT_TRUE(put) << put.error().message();
  EXPECT_EQ(put->as<BytesWritten>().count, 2 * page);

  for (const std::uintptr_t bad : {address + 2 * page, std::uintptr_t{0}}) {
    auto refused = read_memory(child.process(), bad, copy);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), EFAULT);
    EXPECT_EQ(write_memory(child.process(), bad, copy).error().code(), EFAULT);
  }
  EXPECT_EQ(read_memory(child.process(), address, {})->as<BytesRead>().count, 0U);
}

TEST(CrossMemory, MemoryThatThePeerMayOnlyReadIsNotWritten) {
  auto child = test::fork_child([](test::Ready ready) {
    auto memory = private_pages(1);
    ASSERT_EQ(::mprotect(memory.data(), page, PROT_READ), 0);
    ready.say(address_text(memory));
    ready.wait_for_release();
    EXPECT_EQ(memory[0], std::byte{0});
  });
  const std::uintptr_t address = std::stoull(child.next_line());
  const std::vector<std::byte> data(1, std::byte{1});
  auto refused = write_memory(child.process(), address, data);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), EFAULT);
  EXPECT_NE(refused.error().hint().find("writable"), std::string::npos);
  child.release();
  EXPECT_TRUE(child.wait().success());
}

TEST(CrossMemory, AKilledProcessIsGoneBeforeAndAfterItIsCollected) {
  auto child = test::fork_child([](test::Ready ready) {
    ready.say(address_text(private_pages(1)));
    ready.stay();
  });
  const std::uintptr_t address = std::stoull(child.next_line());
  auto process = Process::open(child.pid());
  ASSERT_TRUE(process);
  child.signal(SIGKILL);
  ASSERT_TRUE(process->wait());
  std::vector<std::byte> bytes(16);
  EXPECT_TRUE(read_memory(*process, address, bytes)->is<PeerGone>());
  EXPECT_TRUE(write_memory(*process, address, bytes)->is<PeerGone>());
  (void)child.wait();
  EXPECT_TRUE(read_memory(*process, address, bytes)->is<PeerGone>());
  EXPECT_TRUE(write_memory(*process, address, bytes)->is<PeerGone>());
  EXPECT_EQ(allow_access_by(*process).error().code(), ESRCH);
}

TEST(CrossMemory, WhoHasNoConsentIsRefusedAndToldTheRules) {
  GINNEL_REQUIRE_ROOT();
  auto parent = Process::self();
  ASSERT_TRUE(parent);
  auto memory = private_pages(1);
  auto stranger = test::fork_child_as(test::other_uid, [&](test::Ready) {
    std::vector<std::byte> bytes(16);
    auto refused = read_memory(*parent, reinterpret_cast<std::uintptr_t>(memory.data()), bytes);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), EPERM);
    EXPECT_NE(refused.error().hint().find("same user"), std::string::npos) << refused.error().message();
    EXPECT_NE(refused.error().hint().find("CAP_SYS_PTRACE"), std::string::npos);
    EXPECT_EQ(write_memory(*parent, reinterpret_cast<std::uintptr_t>(memory.data()), bytes).error().code(), EPERM);
  });
  EXPECT_TRUE(stranger.wait().success());
  ASSERT_EQ(::munmap(memory.data(), page), 0);
}

TEST(CrossMemory, AProcessOfTheSameUserWithdrawsItsConsentByBecomingUndumpable) {
  GINNEL_REQUIRE_ROOT();
  auto target = test::fork_child_as(test::other_uid, [](test::Ready ready) {
    auto memory = private_pages(1);
    ready.say(address_text(memory));
    ready.wait_for_release();
    ASSERT_EQ(::prctl(PR_SET_DUMPABLE, 0), 0);
    ready.say();
    ready.stay();
  });
  const std::uintptr_t address = std::stoull(target.next_line());
  auto peer = test::fork_child_as(test::other_uid, [&](test::Ready ready) {
    std::vector<std::byte> bytes(16);
    auto allowed = read_memory(target.process(), address, bytes);
    ready.say(allowed ? "read" : errno_name(allowed.error().code()));
    ready.wait_for_release();
    EXPECT_EQ(read_memory(target.process(), address, bytes).error().code(), EPERM);
  });
  const std::string first = peer.next_line();
  target.release();
  target.wait_until_ready();
  peer.release();
  EXPECT_TRUE(peer.wait().success());
  if (::access("/proc/sys/kernel/yama/ptrace_scope", F_OK) != 0) {
    EXPECT_EQ(first, "read");
  }
}

}  // namespace
}  // namespace ginnel
