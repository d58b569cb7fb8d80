#include "ginnel/sys/mirrored_mapping.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "ginnel/sys/memfd.hpp"
#include "support/child_process.hpp"

namespace ginnel {
namespace {

class MirroredMappingTest : public ::testing::Test {
 protected:
  const Bytes page_{static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE))};
  const Bytes body_{4 * page_.count()};
  Result<Memfd> file_ = Memfd::create("mirror-test", Bytes{page_.count() + body_.count()});
};

TEST_F(MirroredMappingTest, WhatPassesTheEndGoesOnAtTheBeginning) {
  ASSERT_TRUE(file_.has_value());
  const auto mapping = MirroredMapping::map(file_->descriptor(), page_, body_, FileAccess::read_write);
  ASSERT_TRUE(mapping.has_value()) << mapping.error().message();
  EXPECT_EQ(mapping->body(), mapping->head() + page_.count());
  std::memcpy(mapping->body() + body_.count() - 3, "abcdef", 6);
  EXPECT_EQ(std::memcmp(mapping->body(), "def", 3), 0);
  EXPECT_EQ(std::memcmp(mapping->body() + 2 * body_.count() - 3, "abc", 3), 0);
}

TEST_F(MirroredMappingTest, AReadOnlyOneSeesWhatIsWrittenAndCannotWrite) {
  ASSERT_TRUE(file_.has_value());
  const auto writer = MirroredMapping::map(file_->descriptor(), page_, body_, FileAccess::read_write);
  const auto reader = MirroredMapping::map(file_->descriptor(), page_, body_, FileAccess::read_only);
  ASSERT_TRUE(writer.has_value() && reader.has_value());
  writer->head()[0] = std::byte{42};
  EXPECT_EQ(reader->head()[0], std::byte{42});
  EXPECT_DEATH(reader->head()[0] = std::byte{1}, "");
}

TEST_F(MirroredMappingTest, AChildOfForkDoesNotGetIt) {
  ASSERT_TRUE(file_.has_value());
  const auto mapping = MirroredMapping::map(file_->descriptor(), page_, body_, FileAccess::read_write);
  ASSERT_TRUE(mapping.has_value());
  auto child = test::fork_child([&](test::Ready) { mapping->body()[0] = std::byte{1}; });
  const ExitStatus ended = child.wait();
  EXPECT_FALSE(ended.success());
  EXPECT_EQ(mapping->body()[0], std::byte{0});
}

TEST_F(MirroredMappingTest, SizesThatDoNotFitAreRefused) {
  ASSERT_TRUE(file_.has_value());
  const auto code_of = [&](Bytes head, Bytes body) {
    const auto mapping = MirroredMapping::map(file_->descriptor(), head, body, FileAccess::read_write);
    return mapping ? 0 : mapping.error().code();
  };
  EXPECT_EQ(code_of(page_, Bytes{0}), EINVAL);
  EXPECT_EQ(code_of(Bytes{100}, body_), EINVAL);
  EXPECT_EQ(code_of(page_, Bytes{body_.count() + 1}), EINVAL);
  EXPECT_EQ(code_of(page_, Bytes{2 * body_.count()}), EINVAL) << "longer than the file";
}

}  // namespace
}  // namespace ginnel
