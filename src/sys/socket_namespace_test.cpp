#include "ginnel/sys/socket_namespace.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cerrno>

#include "support/child_process.hpp"

namespace ginnel {
namespace {

TEST(SocketNamespace, IsWhereTheSocketWasMade) {
  GINNEL_REQUIRE_ROOT();
  auto child = test::fork_child([](test::Ready) {
    const UniqueFd here{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    struct stat made_in{};
    ASSERT_EQ(::stat("/proc/self/ns/net", &made_in), 0);
    ASSERT_EQ(::unshare(CLONE_NEWNET), 0);
    const auto space = network_namespace_of(here.get());
    ASSERT_TRUE(space.has_value()) << space.error().message();
    struct stat told{};
    ASSERT_EQ(::fstat(space->get(), &told), 0);
    EXPECT_EQ(told.st_ino, made_in.st_ino);
    EXPECT_NE(::fcntl(space->get(), F_GETFD) & FD_CLOEXEC, 0);
  });
  EXPECT_TRUE(child.wait().success());
}

TEST(SocketNamespace, OfWhatIsNoSocketIsNone) {
  const UniqueFd file{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
  const auto space = network_namespace_of(file.get());
  ASSERT_FALSE(space.has_value());
  EXPECT_EQ(space.error().code(), ENOTTY);
}

}  // namespace
}  // namespace ginnel
