#include "ginnel/msg/message.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <string_view>

namespace ginnel {
namespace nav {
struct Pose {
  static constexpr std::uint32_t message_version = 3;
  double x = 0;
};
}  // namespace nav

struct Renamed {
  int value = 0;
};
template <>
struct MessageTraits<Renamed> {
  static constexpr std::string_view name = "wire.Renamed";
  static constexpr std::uint32_t version = 7;
};

namespace {

static_assert(Message<int> && Message<nav::Pose> && Message<std::array<float, 3>> && Message<std::byte>);
static_assert(!Message<std::string> && !Message<std::string_view> && !Message<int*> && !Message<int&>);
static_assert(!Message<std::span<int>> && !Message<int* [4]> && !Message<std::array<const char*, 2>> && !Message<void>);
static_assert(!Message<int nav::Pose::*> && !Message<decltype(nullptr)>);

struct Shallow {
  int number = 0;
  const char* text = nullptr;
};
struct Deep {
  bool flag = false;
  std::array<double, 3> numbers{};
  struct {
    char text[8];
    Shallow shallow;
  } inner[2];
};
struct Derived : Shallow {
  int more;
};
struct Viewing {
  std::chrono::nanoseconds when{};
  std::string_view text{};
};
enum class Color : std::uint8_t { red };
struct Plain {
  Color color = Color::red;
  bool flag = false;
  std::chrono::nanoseconds when{};
  std::array<std::array<std::uint16_t, 3>, 4> grid{};
  nav::Pose poses[2];
  unsigned low : 3;
  std::byte bytes[5000];
};
struct DerivedPlain : nav::Pose {
  float more;
};
struct Empty {};
union Either {
  int number;
  float real;
};
static_assert(Message<Plain> && Message<DerivedPlain> && Message<Empty> && Message<Either>);
static_assert(!Message<Shallow> && !Message<Deep> && !Message<Derived> && !Message<Viewing>);

TEST(MessageType, KnowsNameVersionSizeAndAlignment) {
  const MessageType type = message_type<nav::Pose>();
  EXPECT_TRUE(type.name.ends_with("nav::Pose")) << type.name;
  EXPECT_EQ(type.version, 3U);
  EXPECT_EQ(type.size, sizeof(nav::Pose));
  EXPECT_EQ(type.alignment, alignof(nav::Pose));
  EXPECT_FALSE(type.sequence);
  EXPECT_TRUE(message_type<nav::Pose[]>().sequence);
  EXPECT_NE(message_type<nav::Pose[]>(), type);
}

TEST(MessageType, AnotherNameCanBeGiven) {
  EXPECT_EQ(message_type<Renamed>().to_string(), "wire.Renamed (4 bytes, version 7)");
  EXPECT_EQ(message_type<std::byte[]>().to_string(), "sequence of bytes");
  EXPECT_EQ(message_type<int[]>().to_string(), "sequence of int (4 bytes)");
}

}  // namespace
}  // namespace ginnel
