#include "ginnel/sys/namespaces.hpp"

#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <fstream>

#include "ginnel/sys/io.hpp"
#include "ginnel/sys/pipe.hpp"
#include "support/child_process.hpp"
#include "support/scratch.hpp"

namespace ginnel {
namespace {

using namespace std::chrono_literals;

Pipe make_pipe() {
  auto pipe = Pipe::create();
  EXPECT_TRUE(pipe) << pipe.error().message();
  return std::move(*pipe);
}

/// Runs what `start` starts to its end, and gives what it printed.
template <class Start>
std::string output_of(Start start) {
  Pipe pipe = make_pipe();
  SpawnOptions options;
  options.descriptors.emplace_back(pipe.write_end.get(), 1);
  Result<Process> running = start(std::move(options));
  EXPECT_TRUE(running) << running.error().message();
  if (!running) return {};
  pipe.write_end.reset();
  std::vector<std::byte> buffer(65536);
  auto got = read_all(pipe.read_end.get(), buffer, Deadline::after(30s));
  auto ended = running->collect(Deadline::after(30s));
  EXPECT_TRUE(ended && ended->is<ExitStatus>() && ended->template as<ExitStatus>().success());
  return std::string{as_text(std::span{buffer}.first(got->bytes))};
}

std::string key_text(std::int32_t key) {
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), "0x%08x", static_cast<unsigned>(key));
  return text.data();
}

/// The key of the only segment in an output of `ipcs -m`.
std::string listed_key(const std::string& output) {
  const auto at = output.find("0x");
  return at == std::string::npos ? std::string{} : output.substr(at, 10);
}

/// A command in an IPC namespace of its own that has made a segment, and that waits until its standard input ends.
class Inhabitant {
 public:
  Inhabitant() : input_{make_pipe()}, output_{make_pipe()} {
    SpawnOptions options;
    options.descriptors = {{input_.read_end.get(), 0}, {output_.write_end.get(), 1}};
    options.end_with_parent = true;
    process_ =
        run_in_new_ipc_namespace({"sh", "-c", "ipcmk -M 4096 >/dev/null; ipcs -m; echo ready; read -r line"}, options);
    EXPECT_TRUE(process_) << process_.error().message();
    input_.read_end.reset();
    output_.write_end.reset();
    std::string said;
    while (said.find("ready") == std::string::npos) {
      std::array<std::byte, 4096> buffer{};
      auto got = read_some(output_.read_end.get(), buffer, Deadline::after(30s));
      if (!got || !got->is<BytesRead>()) break;
      said += as_text(std::span{buffer}.first(got->as<BytesRead>().count));
    }
    key_ = listed_key(said);
    EXPECT_FALSE(key_.empty()) << said;
  }
  ~Inhabitant() {
    input_.write_end.reset();
    if (process_) (void)process_->collect(Deadline::after(30s));
  }
  Inhabitant(const Inhabitant&) = delete;
  Inhabitant& operator=(const Inhabitant&) = delete;
  [[nodiscard]] const Process& process() const { return *process_; }
  [[nodiscard]] const std::string& key() const { return key_; }

 private:
  Pipe input_;
  Pipe output_;
  Result<Process> process_ = std::unexpected{Error{ECHILD, "not started"}};
  std::string key_;
};

void expect_objects_of_its_own(int our_segment, const std::string& our_key) {
  const Inhabitant inhabitant;
  EXPECT_NE(inhabitant.key(), our_key);
  EXPECT_NE(*namespace_identity(inhabitant.process(), NamespaceKind::ipc), *own_namespace_identity(NamespaceKind::ipc));
  EXPECT_EQ(::shmget(std::stoi(our_key, nullptr, 16), 0, 0), our_segment) << "ours is here all the time";

  const std::string there = output_of([&](SpawnOptions options) {
    return run_in_namespace_of(inhabitant.process(), NamespaceKind::ipc, {"ipcs", "-m"}, std::move(options));
  });
  EXPECT_NE(there.find(inhabitant.key()), std::string::npos) << there;
  EXPECT_EQ(there.find(our_key), std::string::npos) << there;
  const auto theirs = static_cast<key_t>(std::stoul(inhabitant.key(), nullptr, 16));
  EXPECT_EQ(::shmget(theirs, 0, 0), -1) << "what it made must not be here";
}

/// A segment of the namespace of the test, which others must not see.
class OurSegment {
 public:
  OurSegment() : key_{test::unique_key()}, id_{::shmget(key_, 4096, IPC_CREAT | IPC_EXCL | 0666)} { EXPECT_GE(id_, 0); }
  OurSegment(const OurSegment&) = delete;
  OurSegment& operator=(const OurSegment&) = delete;
  ~OurSegment() { ::shmctl(id_, IPC_RMID, nullptr); }
  [[nodiscard]] int id() const { return id_; }
  [[nodiscard]] std::string key() const { return key_text(key_); }

 private:
  std::int32_t key_;
  int id_;
};

TEST(Namespaces, ProcessesInTheSameOnesHaveTheSameIdentities) {
  auto child = test::fork_child([](test::Ready ready) {
    ready.say();
    ready.stay();
  });
  child.wait_until_ready();
  std::vector<NamespaceIdentity> seen;
  for (const NamespaceKind kind : all_namespace_kinds) {
    auto own = own_namespace_identity(kind);
    ASSERT_TRUE(own) << own.error().message();
    auto theirs = namespace_identity(child.process(), kind);
    ASSERT_TRUE(theirs) << theirs.error().message();
    EXPECT_EQ(*own, *theirs) << to_string(kind);
    EXPECT_EQ(std::ranges::count(seen, *own), 0) << to_string(kind);
    seen.push_back(*own);
  }
}

TEST(Namespaces, TheIdentityOfADeadProcessIsNotTold) {
  auto child = test::fork_child([](test::Ready) {});
  auto process = Process::open(child.pid());
  ASSERT_TRUE(process);
  ASSERT_TRUE(process->wait());
  EXPECT_EQ(namespace_identity(*process, NamespaceKind::ipc).error().code(), ESRCH);
  EXPECT_EQ(run_in_namespace_of(*process, NamespaceKind::ipc, {"true"}).error().code(), ESRCH);
  (void)child.wait();
  EXPECT_EQ(namespace_identity(*process, NamespaceKind::ipc).error().code(), ESRCH);
}

TEST(Namespaces, TheIdentityOfAnotherUsersProcessIsRefused) {
  GINNEL_REQUIRE_ROOT();
  auto parent = Process::self();
  ASSERT_TRUE(parent);
  auto stranger = test::fork_child_as(test::other_uid, [&](test::Ready) {
    auto refused = namespace_identity(*parent, NamespaceKind::ipc);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), EACCES);
    EXPECT_NE(refused.error().hint().find("CAP_SYS_PTRACE"), std::string::npos);
    EXPECT_EQ(run_in_namespace_of(*parent, NamespaceKind::ipc, {"true"}).error().code(), EACCES);
  });
  EXPECT_TRUE(stranger.wait().success());
}

TEST(Namespaces, ANewIpcNamespaceHasObjectsOfItsOwn) {
  const OurSegment ours;
  expect_objects_of_its_own(ours.id(), ours.key());
}

TEST(Namespaces, AnUnprivilegedUserGetsOneThroughAUserNamespaceInWhichItIsRoot) {
  GINNEL_REQUIRE_ROOT();
  const OurSegment ours;
  auto unprivileged = test::fork_child_as(test::other_uid, [&](test::Ready) {
    expect_objects_of_its_own(ours.id(), ours.key());
    EXPECT_EQ(
        output_of([](SpawnOptions options) { return run_in_new_ipc_namespace({"id", "-u"}, std::move(options)); }),
        "0\n");
  });
  EXPECT_TRUE(unprivileged.wait().success());
}

TEST(Namespaces, WhatWasMadeGoesWithTheLastProcess) {
  std::string key;
  Result<Process> process = std::unexpected{Error{ECHILD, "not started"}};
  {
    const Inhabitant inhabitant;
    key = inhabitant.key();
    process = Process::open(inhabitant.process().identity());
    ASSERT_TRUE(process);
  }
  EXPECT_FALSE(process->alive());
  EXPECT_EQ(run_in_namespace_of(*process, NamespaceKind::ipc, {"true"}).error().code(), ESRCH);
  EXPECT_EQ(::shmget(static_cast<key_t>(std::stoul(key, nullptr, 16)), 0, 0), -1);
}

TEST(Namespaces, WhereNoneMayBeMadeTheErrorNamesTheLimits) {
  GINNEL_REQUIRE_ROOT();
  auto confined = test::fork_child([](test::Ready) {
    ASSERT_EQ(::unshare(CLONE_NEWUSER), 0);
    std::ofstream{"/proc/self/uid_map"} << "0 0 1" << std::flush;
    std::ofstream{"/proc/sys/user/max_user_namespaces"} << "0" << std::flush;
    __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    std::array<__user_cap_data_struct, 2> none{};
    ASSERT_EQ(::syscall(SYS_capset, &header, none.data()), 0);

    auto refused = run_in_new_ipc_namespace({"true"});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), ENOSPC) << refused.error().message();
    EXPECT_NE(refused.error().hint().find("user.max_user_namespaces 0"), std::string::npos)
        << refused.error().message();
    EXPECT_NE(refused.error().hint().find("user.max_ipc_namespaces "), std::string::npos) << refused.error().message();
  });
  EXPECT_TRUE(confined.wait().success());
}

TEST(Namespaces, AProgramThatIsNotThereIsStillThatError) {
  auto missing = run_in_new_ipc_namespace({"ginnel-no-such-program"});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code(), ENOENT) << missing.error().message();
}

TEST(Namespaces, NoDescriptorIsLeftOpen) {
  const auto before = test::open_descriptors();
  {
    const Inhabitant inhabitant;
    (void)run_in_namespace_of(inhabitant.process(), NamespaceKind::ipc, {"ginnel-no-such-program"});
  }
  EXPECT_EQ(test::open_descriptors(), before);
}

}  // namespace
}  // namespace ginnel
