#include "ginnel/sys/inside.hpp"

#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "ginnel/sys/namespaces.hpp"
#include "ginnel/sys/pipe.hpp"
#include "support/child_process.hpp"
#include "support/ipc_namespace.hpp"
#include "support/refused_call.hpp"
#include "support/scratch.hpp"

namespace ginnel {
namespace {

using namespace std::chrono_literals;

TEST(RunInside, BringsBackTextAndDescriptorsAndLeavesNothing) {
  const std::size_t before = test::open_descriptor_count();
  {
    const std::string large(200'000, 'x');
    auto carried = run_inside({}, [&]() -> Result<Carried> {
      auto pipe = Pipe::create();
      if (!pipe) return std::unexpected{pipe.error()};
      if (::write(pipe->write_end.get(), "hello", 5) != 5) return std::unexpected{Error::last("write")};
      Carried result{large, {}};
      result.descriptors.push_back(std::move(pipe->read_end));
      return result;
    });
    ASSERT_TRUE(carried.has_value()) << carried.error().message();
    EXPECT_EQ(carried->bytes, large);
    ASSERT_EQ(carried->descriptors.size(), 1U);
    std::array<char, 8> text{};
    EXPECT_EQ(::read(carried->descriptors.front().get(), text.data(), text.size()), 5);
  }
  EXPECT_EQ(test::open_descriptor_count(), before);
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "the helper was not collected";
}

TEST(RunInside, AnErrorOfTheWorkComesBackWhole) {
  const auto failed =
      run_inside({}, []() -> Result<Carried> { return std::unexpected{Error{ENOSPC, "shmget", "key 5", "no room"}}; });
  ASSERT_FALSE(failed.has_value());
  EXPECT_EQ(failed.error().code(), ENOSPC);
  EXPECT_EQ(failed.error().operation(), "shmget");
  EXPECT_EQ(failed.error().object(), "key 5");
  EXPECT_EQ(failed.error().hint(), "no room");
}

TEST(RunInside, AHelperThatIsKilledIsAnErrorAndNoHang) {
  const auto failed = run_inside({}, []() -> Result<Carried> {
    ::kill(::getpid(), SIGKILL);
    return Carried{};
  });
  ASSERT_FALSE(failed.has_value());
  EXPECT_EQ(failed.error().code(), ECHILD);
}

// The first message still goes out, by sendmsg(2); the text, by either of two calls, does not.
TEST(RunInside, AHelperThatEndsInTheMiddleOfItsAnswerIsAnErrorAndNoShortAnswer) {
  const auto cut = run_inside({}, []() -> Result<Carried> {
    test::refuse_system_call(SYS_pwritev2, EPIPE);
    test::refuse_system_call(SYS_sendto, EPIPE);
    return Carried{"the whole text", {}};
  });
  ASSERT_FALSE(cut.has_value()) << "taken for whole: '" << cut->bytes << "'";
  EXPECT_EQ(cut.error().code(), ECHILD);
}

TEST(RunInside, AHelperThatDoesNotComeBackIsKilledAtTheDeadline) {
  const auto failed = run_inside(
      {},
      []() -> Result<Carried> {
        while (true) ::pause();
      },
      Deadline::after(50ms));
  ASSERT_FALSE(failed.has_value());
  EXPECT_EQ(failed.error().code(), ETIMEDOUT);
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "the helper was not collected";
}

TEST(RunInside, WorksInTheNamespaceAndTheCallerStaysWhereItWas) {
  GINNEL_REQUIRE_ROOT();
  GINNEL_REQUIRE_IPC_NAMESPACE();
  auto member = test::fork_child([](test::Ready ready) {
    test::enter_new_ipc_namespace();
    ready.say();
    ready.stay();
  });
  member.wait_until_ready();
  const auto way = open_namespace(member.process(), NamespaceKind::ipc);
  ASSERT_TRUE(way.has_value());
  const auto own = own_namespace_identity(NamespaceKind::ipc);
  const std::array ways{way->get()};
  const auto carried = run_inside(ways, []() -> Result<Carried> {
    const auto here = own_namespace_identity(NamespaceKind::ipc);
    return Carried{here ? std::to_string(here->inode) : "", {}};
  });
  ASSERT_TRUE(carried.has_value());
  EXPECT_EQ(carried->bytes, std::to_string(namespace_identity(member.process(), NamespaceKind::ipc)->inode));
  EXPECT_NE(carried->bytes, std::to_string(own->inode));
  EXPECT_EQ(own_namespace_identity(NamespaceKind::ipc)->inode, own->inode);
}

TEST(RunInside, WithoutPrivilegeTheRefusalIsToldAsItIs) {
  GINNEL_REQUIRE_ROOT();
  GINNEL_REQUIRE_IPC_NAMESPACE();
  auto member = test::fork_child([](test::Ready ready) {
    test::enter_new_ipc_namespace();
    ready.say();
    ready.stay();
  });
  member.wait_until_ready();
  const auto way = open_namespace(member.process(), NamespaceKind::ipc);
  ASSERT_TRUE(way.has_value());
  auto other = test::fork_child_as(test::other_uid, [&](test::Ready) {
    const std::array ways{way->get()};
    const auto refused = run_inside(ways, []() -> Result<Carried> { return Carried{}; });
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code(), EPERM);
    EXPECT_EQ(refused.error().operation(), "setns");
  });
  EXPECT_TRUE(other.wait().success());
}

}  // namespace
}  // namespace ginnel
