#include "ginnel/sys/file_numbers.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "ginnel/core/unique_fd.hpp"
#include "support/child_process.hpp"
#include "support/scratch.hpp"

namespace ginnel {
namespace {

TEST(FileNumbers, OfSharedMemoryAreTheKernelsOwn) {
  const UniqueFd folder{::open("/dev/shm", O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!folder.valid()) GTEST_SKIP() << "there is no /dev/shm";
  EXPECT_EQ(shows_kernel_numbers(folder.get()), true);
}

TEST(FileNumbers, OfProcAndOfAnOverlayAreNotKnownToBe) {
  const UniqueFd proc{::open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  EXPECT_EQ(shows_kernel_numbers(proc.get()), false);
  GINNEL_REQUIRE_ROOT();
  const test::ScratchDirectory scratch;
  auto child = test::fork_child([&](test::Ready) {
    ASSERT_EQ(::unshare(CLONE_NEWNS), 0);
    ASSERT_EQ(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
    ASSERT_EQ(::mount("none", scratch.path().c_str(), "tmpfs", 0, nullptr), 0);
    for (const char* name : {"/lower", "/upper", "/work", "/all"})
      ASSERT_EQ(::mkdir((scratch.path() + name).c_str(), 0755), 0);
    const std::string options = "lowerdir=" + scratch.path() + "/lower,upperdir=" + scratch.path() +
                                "/upper,workdir=" + scratch.path() + "/work";
    const std::string all = scratch.path() + "/all";
    if (::mount("overlay", all.c_str(), "overlay", 0, options.c_str()) != 0) return;  // not in this kernel
    const UniqueFd folder{::open(all.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    EXPECT_EQ(shows_kernel_numbers(folder.get()), false);
  });
  EXPECT_TRUE(child.wait().success());
}

}  // namespace
}  // namespace ginnel
