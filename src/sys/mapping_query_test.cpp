#include "ginnel/sys/mapping_query.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

#include "ginnel/core/unique_fd.hpp"
#include "ginnel/sys/memfd.hpp"

namespace ginnel {
namespace {

class MappingQuery : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(maps_.valid());
    const auto asked = query_mapping(maps_.get(), 0, MappingChoice::next_file);
    if (!asked && asked.error().code() == ENOTTY) GTEST_SKIP() << "needs Linux 6.11";
    ASSERT_TRUE(memfd_.has_value());
    memory_ =
        ::mmap(nullptr, page_, PROT_READ | PROT_WRITE, MAP_SHARED, memfd_->descriptor(), static_cast<off_t>(page_));
    ASSERT_NE(memory_, MAP_FAILED);
  }
  void TearDown() override {
    if (memory_ != MAP_FAILED) ::munmap(memory_, page_);
  }
  [[nodiscard]] std::uint64_t address() const { return reinterpret_cast<std::uint64_t>(memory_); }

  const std::size_t page_ = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  UniqueFd maps_{::open("/proc/self/maps", O_RDONLY | O_CLOEXEC)};
  Result<Memfd> memfd_ = Memfd::create("query-test", Bytes{3 * page_});
  void* memory_ = MAP_FAILED;
};

TEST_F(MappingQuery, TellsFileOffsetAndRights) {
  std::string path = "before";
  const auto mapping = query_mapping(maps_.get(), address() + 1, MappingChoice::covering, &path);
  ASSERT_TRUE(mapping.has_value()) << mapping.error().message();
  EXPECT_EQ(mapping->start, address());
  EXPECT_EQ(mapping->end, address() + page_);
  EXPECT_EQ(mapping->offset, page_);
  EXPECT_TRUE(mapping->readable && mapping->writable && mapping->shared);
  EXPECT_NE(mapping->inode, 0U);
  EXPECT_EQ(path, "/memfd:query-test (deleted)");
}

TEST_F(MappingQuery, TheNextFileComesAfterMemoryThatIsOfNone) {
  const auto first = query_mapping(maps_.get(), 0, MappingChoice::next_file);
  ASSERT_TRUE(first.has_value());
  EXPECT_NE(first->inode, 0U);
  const auto own = query_mapping(maps_.get(), address(), MappingChoice::next_file);
  ASSERT_TRUE(own.has_value());
  EXPECT_EQ(own->start, address());
}

TEST_F(MappingQuery, WhereNothingIsMappedIsENOENT) {
  const auto nothing = query_mapping(maps_.get(), 0, MappingChoice::covering);
  ASSERT_FALSE(nothing.has_value());
  EXPECT_EQ(nothing.error().code(), ENOENT);
}

TEST_F(MappingQuery, AFileThatIsNoMapIsRefused) {
  EXPECT_FALSE(query_mapping(memfd_->descriptor(), 0, MappingChoice::next_file).has_value());
  EXPECT_FALSE(query_mapping(-1, 0, MappingChoice::next_file).has_value());
}

}  // namespace
}  // namespace ginnel
