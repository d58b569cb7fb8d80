#include "ginnel/inventory/object.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <limits>

namespace ginnel::inventory {
namespace {

TEST(ObjectId, IsReadBackAsItWasWritten) {
  constexpr auto most = std::numeric_limits<std::uint64_t>::max();
  for (const ObjectId& id :
       {ObjectId{}, ObjectId{Kind::posix_queue, 1, 2, 3, 4}, ObjectId{Kind::channel, most, most, most, most}}) {
    const auto read = ObjectId::parse(id.to_string());
    ASSERT_TRUE(read.has_value()) << id.to_string();
    EXPECT_EQ(*read, id);
  }
  EXPECT_EQ((ObjectId{Kind::pipe, 0, 15, 81234, 0}.to_string()), "pipe@0/f/13d52/0");
}

TEST(ObjectId, RefusesAnythingElseAndSaysWhatItExpects) {
  for (const char* text : {"", "pipe", "pipe@", "pipe@0/f/1", "pipe@0/f/1/0/0", "pipe@0/f/1/x", "pipe@0/f//0",
                           "nothing@0/f/1/0", "pipe@-1/0/0/0", "pipe@10000000000000000/0/0/0"}) {
    const auto read = ObjectId::parse(text);
    ASSERT_FALSE(read.has_value()) << text;
    EXPECT_EQ(read.error().code(), EINVAL);
    EXPECT_NE(read.error().hint(), "");
  }
}

TEST(Kind, EveryNameIsReadBack) {
  for (std::size_t i = 0; i < kind_count; ++i) {
    const auto kind = static_cast<Kind>(i);
    EXPECT_EQ(parse_kind(to_string(kind)).value_or(Kind::pipe), kind) << to_string(kind);
  }
  EXPECT_FALSE(parse_kind("pipes").has_value());
}

TEST(Fact, AMissingOneHasAReasonAndNoValue) {
  const Fact<int> known{0};
  EXPECT_TRUE(known.known());
  EXPECT_EQ(*known, 0);
  EXPECT_EQ(known.reason(), "");
  const auto missing = Fact<int>::missing("another user's process");
  EXPECT_FALSE(missing.known());
  EXPECT_EQ(missing.reason(), "another user's process");
  EXPECT_EQ(missing.value_or(7), 7);
  EXPECT_THROW(static_cast<void>(*missing), std::bad_optional_access);
}

}  // namespace
}  // namespace ginnel::inventory
