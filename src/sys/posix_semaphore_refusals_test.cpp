#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "ginnel/sys/posix_semaphore.hpp"
#include "support/child_process.hpp"
#include "support/scratch.hpp"

// Creation and opening: modes, owners, squatted names.

namespace ginnel {
namespace {

class PosixSemaphoreRefusals : public ::testing::Test {
 protected:
  ~PosixSemaphoreRefusals() override {
    std::error_code ignored;
    std::filesystem::remove(path(), ignored);
  }
  const std::string& name() const { return name_; }
  std::string path() const { return "/dev/shm/sem." + name_.substr(1); }

 private:
  std::string name_ = test::unique_name();
};

template <class T>
std::string hint_of(const Result<T>& refused, int code) {
  if (refused) return "(not refused)";
  EXPECT_EQ(errno_name(refused.error().code()), errno_name(code)) << refused.error().message();
  return refused.error().hint();
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST_F(PosixSemaphoreRefusals, TheModeIsExactWhateverTheUmask) {
  for (const mode_t mask : {0000U, 0077U, 0777U}) {
    const mode_t previous = ::umask(mask);
    auto made = PosixSemaphore::create(name(), {.mode = 0664});
    ::umask(previous);
    ASSERT_TRUE(made) << made.error().message();
    struct stat status{};
    ASSERT_EQ(::stat(path().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777, 0664U);
    ASSERT_TRUE(PosixSemaphore::unlink(name()));
  }
  EXPECT_EQ(hint_of(PosixSemaphore::create(name(), {.mode = 01600}), EINVAL), "the mode has more than permission bits");
}

TEST_F(PosixSemaphoreRefusals, AFullFileSystemIsToldWithTheRemedyAndLeavesNoName) {
  GINNEL_REQUIRE_ROOT();
  auto confined = test::fork_child([&](test::Ready) {
    ASSERT_EQ(::unshare(CLONE_NEWNS), 0);
    ASSERT_EQ(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
    ASSERT_EQ(::mount("tmpfs", "/dev/shm", "tmpfs", 0, "size=8k"), 0);
    ASSERT_TRUE(PosixSemaphore::create("/first"));
    ASSERT_TRUE(PosixSemaphore::create("/second"));
    const auto before = test::open_descriptors();
    for (const bool exclusive : {true, false}) {
      const std::string hint = hint_of(PosixSemaphore::create(name(), {.exclusive = exclusive}), ENOSPC);
      EXPECT_TRUE(contains(hint, "/dev/shm")) << hint;
      EXPECT_TRUE(contains(hint, "free")) << hint;
      EXPECT_FALSE(std::filesystem::exists(path()));
    }
    EXPECT_EQ(test::open_descriptors(), before);
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator{"/dev/shm"}, {}), 2);
    ASSERT_TRUE(PosixSemaphore::unlink("/first"));
    EXPECT_TRUE(PosixSemaphore::create(name()));
  });
  EXPECT_TRUE(confined.wait().success());
}

TEST_F(PosixSemaphoreRefusals, ACountOverTheHighestIsRefusedAndMakesNothing) {
  EXPECT_EQ(hint_of(PosixSemaphore::create(name(), {.count = 0x8000'0000U}), EINVAL),
            "a count of 2147483648 is over SEM_VALUE_MAX 2147483647");
  EXPECT_FALSE(std::filesystem::exists(path()));
}

TEST_F(PosixSemaphoreRefusals, ExclusiveCreationRefusesAnExistingOneAndSharedCreationKeepsItsCount) {
  auto first = PosixSemaphore::create(name(), {.count = 2});
  ASSERT_TRUE(first);
  EXPECT_TRUE(contains(hint_of(PosixSemaphore::create(name()), EEXIST), "already"));
  auto shared = PosixSemaphore::create(name(), {.count = 9, .exclusive = false});
  ASSERT_TRUE(shared) << shared.error().message();
  EXPECT_EQ(shared->value(), 2U);
}

TEST_F(PosixSemaphoreRefusals, ManyWhoCreateAtOnceWithoutExclusiveAllGetTheSameOne) {
  std::vector<test::ChildProcess> children;
  for (int i = 0; i < 16; ++i)
    children.push_back(test::fork_child([&](test::Ready ready) {
      ready.say();
      ready.wait_for_release();
      auto semaphore = PosixSemaphore::create(name(), {.count = 10, .exclusive = false});
      ASSERT_TRUE(semaphore) << semaphore.error().message();
      ready.say(semaphore->wait(Deadline::immediately())->is<Done>() ? "took one" : "none left");
    }));
  for (auto& child : children) child.wait_until_ready();
  for (auto& child : children) child.release();
  int taken = 0;
  for (auto& child : children)
    if (child.next_line() == "took one") ++taken;
  EXPECT_EQ(taken, 10);
}

TEST_F(PosixSemaphoreRefusals, SharedCreationRefusesOneThatAnotherUserMadeFirst) {
  GINNEL_REQUIRE_ROOT();
  auto squatter = test::fork_child_as(
      test::other_uid, [&](test::Ready) { ASSERT_TRUE(PosixSemaphore::create(name(), {.mode = 0666})); });
  ASSERT_TRUE(squatter.wait().success());
  EXPECT_TRUE(contains(hint_of(PosixSemaphore::create(name(), {.exclusive = false}), EEXIST), "uid 65534"));
  EXPECT_TRUE(PosixSemaphore::open(name()));
}

TEST_F(PosixSemaphoreRefusals, AnotherUserIsKeptOutByTheMode) {
  GINNEL_REQUIRE_ROOT();
  auto made = PosixSemaphore::create(name());
  ASSERT_TRUE(made);
  auto other = test::fork_child_as(test::other_uid, [&](test::Ready) {
    EXPECT_EQ(hint_of(PosixSemaphore::open(name()), EACCES), "the semaphore's mode must allow reading and writing");
    EXPECT_EQ(hint_of(PosixSemaphore::unlink(name()), EACCES), "only the semaphore's owner and root may unlink it");
  });
  EXPECT_TRUE(other.wait().success());
}

TEST_F(PosixSemaphoreRefusals, AFileThatHoldsNoSemaphoreIsRefusedInsteadOfRaisingSigbus) {
  for (const std::size_t size : {std::size_t{0}, sizeof(sem_t) - 1, sizeof(sem_t) + 1, std::size_t{4096}}) {
    std::ofstream{path()} << std::string(size, '\0');
    EXPECT_TRUE(contains(hint_of(PosixSemaphore::open(name()), EINVAL), "holds no semaphore")) << size;
    EXPECT_TRUE(contains(hint_of(PosixSemaphore::create(name(), {.exclusive = false}), EINVAL), "holds no semaphore"));
  }
}

TEST_F(PosixSemaphoreRefusals, NoSquattedNameIsFollowedOrWaitedFor) {
  ASSERT_EQ(::symlink("/dev/shm/sem.elsewhere", path().c_str()), 0);
  EXPECT_TRUE(contains(hint_of(PosixSemaphore::open(name()), ELOOP), "symbolic link"));
  EXPECT_TRUE(contains(hint_of(PosixSemaphore::create(name(), {.exclusive = false}), ELOOP), "symbolic link"));
  EXPECT_TRUE(contains(hint_of(PosixSemaphore::create(name()), EEXIST), "already"));
  EXPECT_FALSE(std::filesystem::exists("/dev/shm/sem.elsewhere"));
  ASSERT_EQ(::unlink(path().c_str()), 0);

  ASSERT_EQ(::mkfifo(path().c_str(), 0600), 0);
  EXPECT_TRUE(contains(hint_of(PosixSemaphore::open(name()), EINVAL), "holds no semaphore"));
  ASSERT_EQ(::unlink(path().c_str()), 0);

  auto victim = PosixSemaphore::create(name());
  ASSERT_TRUE(victim);
  const std::string second_name = test::unique_name();
  const std::string second_path = "/dev/shm/sem." + second_name.substr(1);
  ASSERT_EQ(::link(path().c_str(), second_path.c_str()), 0);
  const test::AtEnd remove{[&] { ::unlink(second_path.c_str()); }};
  EXPECT_TRUE(contains(hint_of(PosixSemaphore::open(second_name), EPERM), "2 hard links"));
}

TEST_F(PosixSemaphoreRefusals, AnAbsentOneIsToldAsAbsent) {
  EXPECT_EQ(hint_of(PosixSemaphore::open(name()), ENOENT), "there is no semaphore of this name");
  EXPECT_EQ(hint_of(PosixSemaphore::unlink(name()), ENOENT), "there is no semaphore of this name");
}

TEST_F(PosixSemaphoreRefusals, BadNamesGetAClearError) {
  for (const std::string bad : {"gate", "", "/", "/a/b", "//a", "/.."}) {
    EXPECT_NE(hint_of(PosixSemaphore::create(bad), EINVAL), "") << bad;
    EXPECT_NE(hint_of(PosixSemaphore::open(bad), EINVAL), "") << bad;
    EXPECT_NE(hint_of(PosixSemaphore::unlink(bad), EINVAL), "") << bad;
  }
  const std::string longest = name() + std::string(252 - name().size(), 's');
  EXPECT_TRUE(contains(hint_of(PosixSemaphore::create(longest + "s"), ENAMETOOLONG), "at most 251"));
  EXPECT_TRUE(PosixSemaphore::create(longest));
  EXPECT_TRUE(PosixSemaphore::unlink(longest));
}

TEST_F(PosixSemaphoreRefusals, MissingDescriptorsAreToldWithTheLimit) {
  auto child = test::fork_child([own_name = name()](test::Ready) {
    rlimit limit{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
    const rlimit none{.rlim_cur = 0, .rlim_max = limit.rlim_max};
    // Only the two calls go without: a sanitizer needs descriptors to check the rest.
    ::setrlimit(RLIMIT_NOFILE, &none);
    const auto created = PosixSemaphore::create(own_name);
    const auto opened = PosixSemaphore::open(own_name);
    ::setrlimit(RLIMIT_NOFILE, &limit);
    const std::string hint = "this process has no descriptor left: RLIMIT_NOFILE 0; close some, or raise it: ulimit -n";
    EXPECT_EQ(hint_of(created, EMFILE), hint);
    EXPECT_EQ(hint_of(opened, EMFILE), hint);
  });
  EXPECT_TRUE(child.wait().success());
}

}  // namespace
}  // namespace ginnel
