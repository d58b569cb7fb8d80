#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

#include "ginnel/sys/unix_socket.hpp"
#include "support/child_process.hpp"
#include "support/scratch.hpp"

namespace ginnel {
namespace {

using namespace std::chrono_literals;

constexpr const char* helper_switch = "GINNEL_TEST_ACTIVATED";

/// What a service manager does: descriptors from 3 on, three variables, exec. The program is this test program again,
/// running the test below that is a service. Called in a child.
void become_service(const std::vector<int>& descriptors, const std::string& count, const std::string& pid,
                    const char* names) {
  const UniqueFd keep{::fcntl(descriptors.empty() ? 0 : descriptors[0], F_DUPFD_CLOEXEC, 50)};
  std::vector<int> high;
  for (const int fd : descriptors) high.push_back(::fcntl(fd, F_DUPFD_CLOEXEC, 60));
  for (std::size_t i = 0; i < high.size(); ++i) ::dup2(high[i], static_cast<int>(3 + i));
  ::setenv("LISTEN_FDS", count.c_str(), 1);
  ::setenv("LISTEN_PID", pid.c_str(), 1);
  if (names != nullptr) ::setenv("LISTEN_FDNAMES", names, 1);
  ::setenv(helper_switch, "1", 1);
  std::array<const char*, 4> arguments{"service", "--gtest_filter=SocketActivation.DISABLED_Service",
                                       "--gtest_also_run_disabled_tests", nullptr};
  const UniqueFd quiet{::open("/dev/null", O_WRONLY | O_CLOEXEC)};
  ::dup2(quiet.get(), 1);
  ::execv("/proc/self/exe", const_cast<char**>(arguments.data()));
}

TEST(SocketActivation, DISABLED_Service) {
  if (::getenv(helper_switch) == nullptr) GTEST_SKIP() << "the service of the tests below";
  auto sockets = inherited_sockets();
  ASSERT_TRUE(sockets) << sockets.error().message();
  ASSERT_EQ(sockets->size(), 2U);
  EXPECT_EQ((*sockets)[0].name, "web");
  EXPECT_EQ((*sockets)[1].name, "");
  for (const char* name : {"LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"}) EXPECT_EQ(::getenv(name), nullptr);
  for (const auto& inherited : *sockets) EXPECT_EQ(::fcntl(inherited.socket.get(), F_GETFD), FD_CLOEXEC);
  EXPECT_TRUE(inherited_sockets()->empty());

  auto listener = UnixListener::adopt(std::move((*sockets)[0].socket));
  ASSERT_TRUE(listener);
  auto connection = listener->accept(Deadline::after(20s));
  ASSERT_TRUE(connection && connection->is<UniqueFd>());
  ASSERT_TRUE(write_all(connection->as<UniqueFd>().get(), as_bytes("served")));
  auto datagrams = UnixDatagram::adopt(std::move((*sockets)[1].socket));
  ASSERT_TRUE(datagrams);
  std::array<std::byte, 16> buffer{};
  EXPECT_EQ(datagrams->receive(buffer, Deadline::after(20s))->as<ReceivedMessage>().bytes, 4U);
}

TEST(SocketActivation, AnExecutedServiceTakesItsSocketsByNameAndServes) {
  const test::ScratchDirectory scratch;
  auto listener = UnixListener::listen(UnixType::stream, {scratch.file("s")});
  auto datagrams = UnixDatagram::bind({scratch.file("d")});
  ASSERT_TRUE(listener && datagrams);
  auto service = test::fork_child([&](test::Ready) {
    become_service({listener->pollable(), datagrams->pollable()}, "2", std::to_string(::getpid()), "web");
    FAIL() << "exec";
  });
  auto client = UnixStream::connect({scratch.file("s")});
  auto sender = UnixDatagram::connect({scratch.file("d")});
  ASSERT_TRUE(client && sender);
  ASSERT_TRUE(sender->send(as_bytes("data")));
  std::array<std::byte, 16> buffer{};
  EXPECT_EQ(client->as<UnixStream>().read(buffer, Deadline::after(20s))->as<BytesRead>().count, 6U);
  EXPECT_TRUE(service.wait().success());
  EXPECT_EQ(::access(scratch.file("s").c_str(), F_OK), 0) << "the service removed a path that is not its own";
}

TEST(SocketActivation, WhatIsForAnotherOrGarbageIsNotTaken) {
  struct Case {
    const char* count;
    std::string pid;
    int code;  // 0: empty
  };
  const std::string other_pid = std::to_string(::getppid());
  for (const Case& wrong : {Case{"1", other_pid, 0}, Case{"0", {}, 0}, Case{"x", {}, EINVAL}, Case{"", {}, EINVAL},
                            Case{"-1", {}, EINVAL}, Case{"1x", {}, EINVAL}, Case{"99999999999", {}, EINVAL},
                            Case{"2147483647", {}, EINVAL}, Case{"1", "me", EINVAL}, Case{"2000", {}, EBADF}}) {
    auto child = test::fork_child([&](test::Ready) {
      ::setenv("LISTEN_FDS", wrong.count, 1);
      ::setenv("LISTEN_PID", wrong.pid.empty() ? std::to_string(::getpid()).c_str() : wrong.pid.c_str(), 1);
      const auto before = test::open_descriptors();
      auto sockets = inherited_sockets();
      if (wrong.code == 0) {
        ASSERT_TRUE(sockets) << sockets.error().message();
        EXPECT_TRUE(sockets->empty());
      } else {
        ASSERT_FALSE(sockets) << wrong.count;
        EXPECT_EQ(sockets.error().code(), wrong.code) << sockets.error().message();
      }
      EXPECT_EQ(test::open_descriptors(), before);
    });
    EXPECT_TRUE(child.wait().success()) << wrong.count << " " << wrong.pid;
  }
  ASSERT_EQ(::getenv("LISTEN_FDS"), nullptr);
  EXPECT_TRUE(inherited_sockets()->empty());
}

}  // namespace
}  // namespace ginnel
