#include "ginnel/sys/directory.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <set>

#include "support/scratch.hpp"

namespace ginnel {
namespace {

Directory open_or_die(const std::string& path) {
  auto directory = Directory::open(path.c_str());
  if (!directory) ADD_FAILURE() << directory.error().message();
  return std::move(*directory);
}

TEST(Directory, TellsEveryNameOnceHoweverManyThereAre) {
  const test::ScratchDirectory scratch;
  std::set<std::string> made;
  for (int i = 0; i < 1000; ++i) {
    made.insert("file-with-a-name-of-some-length-" + std::to_string(i));
    std::ofstream{scratch.file(*made.rbegin())};
  }
  for (const auto& name : made) std::ofstream{scratch.file(name)};

  Directory directory = open_or_die(scratch.path());
  for (int pass = 0; pass < 2; ++pass) {
    std::multiset<std::string> found;
    ASSERT_TRUE(directory.for_each([&](const char* name, FileType) { return found.insert(name), true; }).has_value());
    EXPECT_TRUE(std::equal(found.begin(), found.end(), made.begin(), made.end())) << "pass " << pass;
  }
}

TEST(Directory, StopsWhenAskedTo) {
  const test::ScratchDirectory scratch;
  for (int i = 0; i < 10; ++i) std::ofstream{scratch.file(std::to_string(i))};
  Directory directory = open_or_die(scratch.path());
  int seen = 0;
  ASSERT_TRUE(directory.for_each([&](const char*, FileType) { return ++seen < 3; }).has_value());
  EXPECT_EQ(seen, 3);
}

TEST(Directory, ReadsFilesOfAnySizeWithOneBuffer) {
  const test::ScratchDirectory scratch;
  const Directory directory = open_or_die(scratch.path());
  std::string text;
  for (const std::size_t size :
       {std::size_t{100000}, std::size_t{0}, std::size_t{4095}, std::size_t{4096}, std::size_t{4097}}) {
    const std::string content(size, 'x');
    std::ofstream{scratch.file("f")} << content;
    ASSERT_TRUE(directory.read_file("f", text).has_value());
    EXPECT_EQ(text, content);
  }
}

TEST(Directory, AFileLongerThanTheLimitIsCutAndSaysSo) {
  const test::ScratchDirectory scratch;
  std::ofstream{scratch.file("f")} << std::string(5000, 'x');
  std::string text;
  const auto read = open_or_die(scratch.path()).read_file("f", text, 100);
  ASSERT_FALSE(read.has_value());
  EXPECT_EQ(read.error().code(), EFBIG);
  EXPECT_EQ(text.size(), 100U);
}

TEST(Directory, AFifoWithoutWritersHoldsNobodyUp) {
  const test::ScratchDirectory scratch;
  ASSERT_EQ(::mkfifo(scratch.file("fifo").c_str(), 0600), 0);
  std::string text = "before";
  EXPECT_TRUE(open_or_die(scratch.path()).read_file("fifo", text).has_value());
  EXPECT_EQ(text, "");
}

TEST(Directory, ReadsLinksOfAnyLength) {
  const test::ScratchDirectory scratch;
  const Directory directory = open_or_die(scratch.path());
  std::string text;
  for (const std::size_t length : {1U, 63U, 64U, 65U, 4000U}) {
    const std::string target(length, 't');
    ASSERT_EQ(::symlink(target.c_str(), scratch.file("link").c_str()), 0);
    ASSERT_TRUE(directory.read_link("link", text).has_value());
    EXPECT_EQ(text, target);
    ASSERT_EQ(::unlink(scratch.file("link").c_str()), 0);
  }
}

TEST(Directory, TellsTheSameAsStat) {
  const test::ScratchDirectory scratch;
  std::ofstream{scratch.file("f")} << "12345";
  ASSERT_EQ(::symlink("f", scratch.file("link").c_str()), 0);
  struct stat expected{};
  ASSERT_EQ(::stat(scratch.file("f").c_str(), &expected), 0);

  const Directory directory = open_or_die(scratch.path());
  const auto status = directory.status("link", Follow::yes);
  ASSERT_TRUE(status.has_value());
  EXPECT_EQ(status->type, FileType::regular);
  EXPECT_EQ(status->device, expected.st_dev);
  EXPECT_EQ(status->inode, expected.st_ino);
  EXPECT_EQ(status->size, 5U);
  EXPECT_EQ(status->mode, expected.st_mode & 07777U);
  EXPECT_EQ(status->changed.time_since_epoch().count(),
            expected.st_ctim.tv_sec * 1'000'000'000 + expected.st_ctim.tv_nsec);
  EXPECT_EQ(directory.status("link", Follow::no)->type, FileType::symlink);
  EXPECT_EQ(device_number(major(expected.st_dev), minor(expected.st_dev)), expected.st_dev);
}

TEST(Directory, RefusalsNameThePath) {
  const test::ScratchDirectory scratch;
  const Directory directory = open_or_die(scratch.path());
  std::string text;
  const auto missing = directory.read_file("missing", text);
  ASSERT_FALSE(missing.has_value());
  EXPECT_EQ(missing.error().code(), ENOENT);
  EXPECT_EQ(missing.error().object(), "missing");
  std::ofstream{scratch.file("f")};
  EXPECT_EQ(directory.open_below("f").error().code(), ENOTDIR);
  EXPECT_EQ(Directory::adopt(UniqueFd{::open(scratch.file("f").c_str(), O_RDONLY | O_CLOEXEC)}).error().code(),
            ENOTDIR);
}

TEST(Directory, OpensNothingButARegularFileOfAFolderThatIsAnothers) {
  const test::ScratchDirectory scratch;
  std::ofstream{scratch.file("f")} << "12345";
  ASSERT_EQ(::symlink("f", scratch.file("link").c_str()), 0);
  ASSERT_EQ(::mkfifo(scratch.file("fifo").c_str(), 0600), 0);
  ASSERT_EQ(::mkdir(scratch.file("folder").c_str(), 0700), 0);
  const Directory directory = open_or_die(scratch.path());
  EXPECT_TRUE(directory.open_regular_file("f").has_value());
  EXPECT_EQ(directory.open_regular_file("link").error().code(), ELOOP);
  EXPECT_EQ(directory.open_regular_file("fifo").error().code(), EINVAL);
  EXPECT_EQ(directory.open_regular_file("folder").error().code(), EINVAL);
  EXPECT_EQ(directory.open_regular_file("missing").error().code(), ENOENT);
}

TEST(Directory, ReadsFromAnOffsetOnAndTellsHowMuchCame) {
  const test::ScratchDirectory scratch;
  std::ofstream{scratch.file("f")} << "0123456789";
  const auto file = open_or_die(scratch.path()).open_regular_file("f");
  ASSERT_TRUE(file.has_value());
  std::array<std::byte, 4> bytes{};
  ASSERT_EQ(read_at(file->get(), 3, bytes), std::size_t{4});
  EXPECT_EQ(std::memcmp(bytes.data(), "3456", bytes.size()), 0);
  EXPECT_EQ(read_at(file->get(), 8, bytes), std::size_t{2});
  EXPECT_EQ(read_at(file->get(), 100, bytes), std::size_t{0});
  std::string text;
  ASSERT_TRUE(read_text(file->get(), text).has_value());
  EXPECT_EQ(text, "0123456789");
}

}  // namespace
}  // namespace ginnel
