#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/fs.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "ginnel/msg/channel.hpp"
#include "ginnel/msg/latest.hpp"
#include "ginnel/msg/queue.hpp"
#include "ginnel/msg/service.hpp"
#include "ginnel/msg/topic.hpp"
#include "support/child_process.hpp"
#include "support/hand_made_peer.hpp"
#include "support/messaging_test.hpp"

// Another user of the machine, who may make names where everybody may, connect where everybody may, and use up what is his own. What he does is
// refused or bounded, and the owner's work goes on.

namespace ginnel {
namespace {

using namespace std::chrono_literals;
using namespace ginnel::hand_made;
namespace fs = std::filesystem;

using Doubler = Service<std::uint64_t, std::uint64_t>;
using DoublerClient = Client<std::uint64_t, std::uint64_t>;
using Asked = Request<std::uint64_t, std::uint64_t>;

struct Kind {
  std::string name;
  std::function<std::optional<Error>()> come;  ///< why not, if not
};

template <class T>
std::optional<Error> why_not(const Result<T>& made) {
  if (made) return std::nullopt;
  return made.error();
}

const std::vector<Kind> kinds{
    {"topic", [] { return why_not(Publisher<int>::create("one", {.capacity = Bytes::kib(64)})); }},
    {"latest", [] { return why_not(LatestWriter<int>::create("one")); }},
    {"queue", [] { return why_not(Queue<int>::open("one", {.slots = 8})); }},
};

uid_t owner_of(const std::string& path) {
  struct stat status{};
  return ::lstat(path.c_str(), &status) == 0 ? status.st_uid : static_cast<uid_t>(-1);
}

/// Where everybody may make names, as in /tmp and /dev/shm: a folder with the sticky bit, and in it one of the owner's own.
class StrangerTest : public test::MessagingTest {
 protected:
  void SetUp() override {
    GINNEL_REQUIRE_ROOT();
    test::MessagingTest::SetUp();
    fs::permissions(home_, fs::perms::all | fs::perms::sticky_bit);
    fs::create_directory(private_);
    fs::permissions(private_, fs::perms::owner_all);
    std::ofstream{private_ + "/file"} << "mine";
  }
  void TearDown() override {
    if (::geteuid() == 0) test::MessagingTest::TearDown();
  }
  [[nodiscard]] std::string path(const std::string& name) const { return home_ + "/" + name; }
  static void live_in(const std::string& home) { ::setenv("GINNEL_HOME", home.c_str(), 1); }
  void expect_untouched() const {
    EXPECT_EQ(std::distance(fs::directory_iterator{private_}, fs::directory_iterator{}), 1) << "only the file";
    EXPECT_EQ(fs::status(private_).permissions(), fs::perms::owner_all);
    std::string text;
    std::ifstream{private_ + "/file"} >> text;
    EXPECT_EQ(text, "mine");
  }
  /// What the stranger has made, and nothing of the owner's in it.
  static void expect_nothing_given_to(const std::string& folder) {
    for (const auto& entry : fs::recursive_directory_iterator{folder})
      EXPECT_EQ(owner_of(entry.path()), test::other_uid) << entry.path();
  }
  const std::string private_ = home_ + "/private";
};

void make_folder(const std::string& path, mode_t mode) {
  if (::mkdir(path.c_str(), mode) < 0 || ::chmod(path.c_str(), mode) < 0) throw std::runtime_error{"mkdir " + path};
}
void make_link(const std::string& target, const std::string& path) {
  if (::symlink(target.c_str(), path.c_str()) < 0) throw std::runtime_error{"symlink " + path};
}

TEST_F(StrangerTest, AHomeThatHeHasMadeIsNotEntered) {
  const std::vector<std::pair<std::string, std::function<void(const std::string&)>>> squatters{
      {"folder", [](const std::string& path) { make_folder(path, 0777); }},
      {"folder-with-objects",
       [](const std::string& path) {
         make_folder(path, 0777);
         for (const Kind& kind : kinds) make_folder(path + "/" + kind.name + ":one", 0777);
       }},
      {"private-folder", [](const std::string& path) { make_folder(path, 0700); }},
      {"link-to-the-owners", [&](const std::string& path) { make_link(private_, path); }},
      {"link-to-his-own",
       [](const std::string& path) {
         make_folder(path + ".target", 0777);
         make_link(path + ".target", path);
       }},
      {"link-to-nothing", [](const std::string& path) { make_link("/nowhere", path); }},
      {"file", [](const std::string& path) { std::ofstream{path} << "his"; }},
      {"fifo", [](const std::string& path) { EXPECT_EQ(::mkfifo(path.c_str(), 0666), 0); }},
  };
  EXPECT_TRUE(test::fork_child_as(test::other_uid,
                                  [&](test::Ready) {
                                    for (const auto& [name, squat] : squatters) squat(path(name));
                                  })
                  .wait()
                  .success());
  for (const auto& [name, squat] : squatters) {
    live_in(path(name));
    for (const Kind& kind : kinds) {
      const auto refused = kind.come();
      ASSERT_TRUE(refused.has_value()) << kind.name << " in a " << name;
      EXPECT_NE(refused->message().find(path(name)), std::string::npos) << refused->message();
      EXPECT_FALSE(refused->hint().empty()) << refused->message();
    }
  }
  for (const char* const his : {"folder", "folder-with-objects", "link-to-his-own.target"})
    expect_nothing_given_to(path(his));
  expect_untouched();
  live_in(path("own"));
  for (const Kind& kind : kinds) EXPECT_FALSE(kind.come().has_value()) << kind.name;
}

/// While the owner comes again and again, the name stands for his folder, for a link to the owner's, and for nothing, in turn.
TEST_F(StrangerTest, AHomeThatChangesBetweenCheckAndUseIsNotEntered) {
  auto stranger = test::fork_child_as(test::other_uid, [&](test::Ready ready) {
    make_folder(path("his"), 0777);
    make_link(private_, path("link"));
    ready.say();
    const std::string name = path("home");
    while (true) {
      ::rename(path("his").c_str(), name.c_str());
      ::renameat2(AT_FDCWD, path("link").c_str(), AT_FDCWD, name.c_str(), RENAME_EXCHANGE);
      ::renameat2(AT_FDCWD, path("link").c_str(), AT_FDCWD, name.c_str(), RENAME_EXCHANGE);
      ::rename(name.c_str(), path("his").c_str());
      ::rename(path("link").c_str(), name.c_str());
      ::rename(name.c_str(), path("link").c_str());
    }
  });
  stranger.wait_until_ready();
  live_in(path("home"));
  int refusals = 0;
  for (int i = 0; i < 3'000; ++i) {
    const auto refused = kinds[static_cast<std::size_t>(i) % kinds.size()].come();
    // It may have been free for a moment: then it is the owner's, who alone can give it up.
    if (owner_of(path("home")) == 0) {
      EXPECT_TRUE(fs::is_directory(fs::symlink_status(path("home"))));
      fs::remove_all(path("home"));
    }
    if (!refused) continue;
    ++refusals;
    EXPECT_NE(refused->message().find(path("home")), std::string::npos) << refused->message();
  }
  static_cast<void>(stranger.kill_and_reap(SIGKILL));
  EXPECT_GT(refusals, 0);
  for (const char* const name : {"his", "home"})
    if (owner_of(path(name)) == test::other_uid && fs::is_directory(fs::symlink_status(path(name))))
      expect_nothing_given_to(path(name));
  expect_untouched();
}

TEST_F(StrangerTest, APathThatHeHasTakenIsNotListenedOnAndWhoAnswersThereIsKnown) {
  auto stranger = test::fork_child_as(test::other_uid, [&](test::Ready ready) {
    std::ofstream{path("file")} << "his";
    EXPECT_EQ(::mkfifo(path("fifo").c_str(), 0666), 0);
    make_link(private_ + "/socket", path("link"));
    make_folder(path("folder"), 0777);
    auto listener = must(ChannelListener<std::uint64_t>::listen(path("socket"), {.mode = 0666}));
    ready.say();
    auto accepted = must(listener.accept(Deadline::after(30s)));
    EXPECT_TRUE(accepted.is<Channel<std::uint64_t>>());
    ready.stay();
  });
  stranger.wait_until_ready();
  for (const char* const name : {"file", "fifo", "link", "folder", "socket"}) {
    const auto listening = ChannelListener<std::uint64_t>::listen(path(name));
    ASSERT_FALSE(listening.has_value()) << name;
    EXPECT_EQ(listening.error().code(), EADDRINUSE) << listening.error().message();
    EXPECT_NE(listening.error().message().find(path(name)), std::string::npos) << listening.error().message();
    const auto serving = Doubler::listen(path(name));
    ASSERT_FALSE(serving.has_value()) << name;
    EXPECT_EQ(serving.error().code(), EADDRINUSE) << serving.error().message();
    EXPECT_EQ(owner_of(path(name)), test::other_uid) << name;
  }
  for (const char* const name : {"file", "fifo", "link", "folder"})
    EXPECT_FALSE(Channel<std::uint64_t>::connect(path(name)).has_value()) << name;
  const auto channel = must(Channel<std::uint64_t>::connect(path("socket")));
  EXPECT_EQ(channel.credentials().uid, test::other_uid);
  EXPECT_EQ(channel.credentials().pid, stranger.pid());
  expect_untouched();
}

/// Sockets that nobody has, links to the owner's file, and nothing, in turn, while the owner comes to listen there.
TEST_F(StrangerTest, APathThatChangesBetweenCheckAndUseIsTheOwnersOrRefused) {
  auto stranger = test::fork_child_as(test::other_uid, [&](test::Ready ready) {
    make_link(private_ + "/file", path("link"));
    for (int round = 0;; ++round) {
      const UniqueFd socket{::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)};
      sockaddr_un name{};
      name.sun_family = AF_UNIX;
      path("stale").copy(name.sun_path, sizeof name.sun_path - 1);
      ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name);
      ::rename(path("stale").c_str(), path("socket").c_str());
      ::renameat2(AT_FDCWD, path("link").c_str(), AT_FDCWD, path("socket").c_str(), RENAME_EXCHANGE);
      ::rename(path("socket").c_str(), path("link").c_str());
      ::unlink(path("link").c_str());
      ::unlink(path("stale").c_str());
      static_cast<void>(::symlink((private_ + "/file").c_str(), path("link").c_str()));
      if (round == 0) ready.say();
    }
  });
  stranger.wait_until_ready();
  int mine = 0;
  for (int i = 0; i < 500; ++i) {
    const auto listening = ChannelListener<std::uint64_t>::listen(path("socket"));
    if (listening) {
      EXPECT_EQ(owner_of(path("socket")), 0U);
      ++mine;
    } else {
      EXPECT_NE(listening.error().message().find("socket"), std::string::npos) << listening.error().message();
    }
  }
  static_cast<void>(stranger.kill_and_reap(SIGKILL));
  EXPECT_GT(mine, 0);
  expect_untouched();
}

/// Whoever is not on the list is let in nowhere, however often he comes, and whatever he says: nothing of it stays, and those who may are served.
TEST_F(StrangerTest, WhoIsNotAdmittedMayConnectAThousandTimesThreads) {
  constexpr std::uint64_t connections = 2'000;
  auto server = must(Doubler::listen(path("socket"), {.allow = {0}, .waiting = Waiting::sleeping}));
  const auto before = test::open_descriptor_count();
  auto stranger = test::fork_child_as(test::other_uid, [&](test::Ready) {
    for (std::uint64_t i = 0; i < connections; ++i) {
      auto connected = must(UnixSeqpacket::connect(UnixAddress{path("socket")}));
      if (i % 2 != 0) continue;
      try {
        send_raw(connected.as<UnixSeqpacket>().pollable(), good_hello(), with_memory(memory()));
      } catch (const std::runtime_error&) {
        continue;  // it was faster
      }
    }
    const auto connected = Channel<std::uint64_t>::connect(path("socket"));
    EXPECT_FALSE(connected.has_value());
    EXPECT_TRUE(connected || connected.error().code() == ECONNRESET) << connected.error().message();
  });
  constexpr std::uint64_t calls = 200;
  std::thread honest{[&] {
    auto client = must(DoublerClient::connect(path("socket")));
    for (std::uint64_t i = 0; i < calls; ++i) {
      const auto called = must(client.call(i, Deadline::after(30s)));
      ASSERT_TRUE(called.is<Incoming<std::uint64_t>>());
      EXPECT_EQ(*called.as<Incoming<std::uint64_t>>(), 2 * i);
    }
  }};
  std::uint64_t turned_away = 0;
  std::uint64_t answered = 0;
  std::size_t most = 0;
  while (turned_away < connections + 1 || answered < calls) {
    auto next = must(server.next(Deadline::after(30s)));
    ASSERT_FALSE(next.is<TimedOut>()) << turned_away << " turned away, " << answered << " answered";
    if (const auto* away = next.get_if<TurnedAway>()) {
      ++turned_away;
      EXPECT_EQ(away->why.code(), EACCES) << away->why.message();
      EXPECT_EQ(away->peer.uid, test::other_uid);
      EXPECT_NE(away->why.message().find(std::to_string(test::other_uid)), std::string::npos) << away->why.message();
    }
    if (auto* request = next.get_if<Asked>()) {
      ++answered;
      static_cast<void>(request->answer(2 * **request));
    }
    if (turned_away % 100 == 0) most = std::max(most, test::open_descriptor_count());
  }
  honest.join();
  EXPECT_TRUE(stranger.wait().success());
  EXPECT_LE(most, before + 20);
  static_cast<void>(must(server.next(Deadline::after(1ms))));
  EXPECT_EQ(server.clients(), 0U);
}

TEST_F(StrangerTest, APathOfMode0600IsReachedByNobodyElse) {
  auto listener = must(ChannelListener<std::uint64_t>::listen(path("socket")));
  EXPECT_TRUE(test::fork_child_as(test::other_uid,
                                  [&](test::Ready) {
                                    for (int i = 0; i < 1'000; ++i) {
                                      const auto connected = Channel<std::uint64_t>::connect(path("socket"));
                                      ASSERT_FALSE(connected.has_value());
                                      ASSERT_EQ(connected.error().code(), EACCES) << connected.error().message();
                                    }
                                  })
                  .wait()
                  .success());
  EXPECT_TRUE(must(listener.accept(Deadline::immediately())).is<TimedOut>());
}

/// The kernel counts descriptors on their way for each user who sends them. The owner is a user without privilege here, as one who is root is not counted.
TEST_F(StrangerTest, DescriptorsThatHeHasOnTheirWayAreNotTheOwners) {
  constexpr uid_t owner_uid = 65533;
  constexpr rlim_t few = 64;
  const auto limit = [] {
    const rlimit limits{.rlim_cur = few, .rlim_max = few};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limits), 0);
  };
  auto stranger = test::fork_child_as(test::other_uid, [&](test::Ready ready) {
    limit();
    std::array<int, 2> pair{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair.data()), 0);
    const std::vector<int> descriptors(8, pair[0]);
    const std::array<std::byte, 1> byte{};
    while (true) {
      const auto sent = must(send_descriptors(pair[0], byte, descriptors, Deadline::immediately()));
      if (sent.is<TooManyInFlight>()) break;
      ASSERT_TRUE(sent.is<BytesWritten>());
    }
    ready.say();
    ready.stay();
  });
  stranger.wait_until_ready();
  EXPECT_TRUE(
      test::fork_child_as(owner_uid,
                          [&](test::Ready) {
                            limit();
                            auto listener = must(ChannelListener<std::uint64_t>::listen(path("socket")));
                            auto client = test::fork_child([&](test::Ready) {
                              auto channel = must(Channel<std::uint64_t>::connect(path("socket")));
                              const std::array descriptors{1, 2};
                              for (std::uint64_t i = 0; i < 100; ++i) {
                                ASSERT_TRUE(must(channel.send_with(descriptors, i, Deadline::after(30s))).is<Done>());
                                ASSERT_TRUE(must(channel.receive(Deadline::after(30s))).is<Incoming<std::uint64_t>>());
                              }
                            });
                            auto accepted = must(listener.accept(Deadline::after(30s)));
                            auto& channel = accepted.as<Channel<std::uint64_t>>();
                            for (std::uint64_t i = 0; i < 100; ++i) {
                              const auto got = must(channel.receive(Deadline::after(30s)));
                              ASSERT_TRUE(got.is<Incoming<std::uint64_t>>());
                              EXPECT_EQ(*got.as<Incoming<std::uint64_t>>(), i);
                              EXPECT_EQ(got.as<Incoming<std::uint64_t>>().descriptors().size(), 2U);
                              EXPECT_TRUE(must(channel.send(i)).is<Done>());
                            }
                            EXPECT_TRUE(client.wait().success());
                          })
          .wait()
          .success());
}

}  // namespace
}  // namespace ginnel
