#include "given_names.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>

namespace ginnel::inventory {
namespace {

std::string address_of(std::string_view name, sa_family_t family = AF_UNIX) {
  std::string bytes(sizeof family, '\0');
  std::memcpy(bytes.data(), &family, sizeof family);
  return bytes.append(name);
}

using namespace std::string_view_literals;

TEST(GivenNames, OfSocketsArePathsOrAbstract) {
  EXPECT_EQ(socket_name_in(address_of("/run/x\0rubbish"sv)), "/run/x");
  EXPECT_EQ(socket_name_in(address_of("/run/x")), "/run/x") << "the length may end it as well";
  EXPECT_EQ(socket_name_in(address_of("\0abstract\0name"sv)), "@abstract\0name"sv);
  EXPECT_EQ(socket_name_in(address_of("\0"sv)), "") << "an abstract name of no length is none";
  EXPECT_EQ(socket_name_in(address_of("/run/x", AF_INET)), "");
  for (const std::string& cut : {std::string{}, std::string{"\1"}, address_of("")}) EXPECT_EQ(socket_name_in(cut), "");
}

TEST(GivenNames, OfFilesEndWithAZeroByte) {
  EXPECT_EQ(path_in("/tmp/a\0b"sv), "/tmp/a");
  EXPECT_EQ(path_in("/tmp/a"), "") << "the rest of it could not be read";
  EXPECT_EQ(path_in(""), "");
}

}  // namespace
}  // namespace ginnel::inventory
