#include "kernel_types.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/btf.h>

#include <cstring>
#include <fstream>
#include <iterator>
#include <string>

namespace ginnel {
namespace {

/// BTF by hand: types are put one after the other, and count from 1.
class MadeTypes {
 public:
  std::uint32_t name(std::string_view text) {
    const auto offset = static_cast<std::uint32_t>(strings_.size());
    strings_.append(text).push_back('\0');
    return offset;
  }
  MadeTypes& type(std::string_view its_name, std::uint32_t kind, std::uint32_t length, std::uint32_t size_or_type,
                  bool has_bit_fields = false) {
    const std::uint32_t info = (kind << 24U) | length | (has_bit_fields ? 1U << 31U : 0);
    for (const std::uint32_t word : {its_name.empty() ? 0 : name(its_name), info, size_or_type}) put(word);
    return *this;
  }
  MadeTypes& number(std::uint32_t bytes) {
    type("number", BTF_KIND_INT, 0, bytes);
    put(bytes * 8);
    return *this;
  }
  MadeTypes& member(std::string_view its_name, std::uint32_t its_type, std::uint32_t bits) {
    for (const std::uint32_t word : {its_name.empty() ? 0 : name(its_name), its_type, bits}) put(word);
    return *this;
  }
  [[nodiscard]] std::string bytes() const {
    btf_header header{};
    header.magic = BTF_MAGIC;
    header.version = BTF_VERSION;
    header.hdr_len = sizeof header;
    header.type_len = static_cast<std::uint32_t>(types_.size());
    header.str_off = header.type_len;
    header.str_len = static_cast<std::uint32_t>(strings_.size());
    std::string all(sizeof header, '\0');
    std::memcpy(all.data(), &header, sizeof header);
    return all + types_ + strings_;
  }

 private:
  void put(std::uint32_t word) {
    std::string bytes(sizeof word, '\0');
    std::memcpy(bytes.data(), &word, sizeof word);
    types_ += bytes;
  }
  std::string strings_ = std::string(1, '\0');
  std::string types_;
};

using Member = KernelTypes::Member;

/// `struct pipe { u32 files; union { u64 both; struct { typedef head; u32 tail; }; }; u32 flag:1; struct pipe *next; }`.
std::string made_pipe() {
  MadeTypes made;
  made.number(4).number(8);                                                         // 1, 2
  made.type("index", BTF_KIND_TYPEDEF, 0, 1);                                       // 3
  made.type("", BTF_KIND_STRUCT, 2, 8).member("head", 3, 0).member("tail", 1, 32);  // 4
  made.type("", BTF_KIND_UNION, 2, 8).member("both", 2, 0).member("", 4, 0);        // 5
  made.type("", BTF_KIND_PTR, 0, 7);                                                // 6
  made.type("pipe", BTF_KIND_STRUCT, 4, 32, true)                                   // 7
      .member("files", 1, 0)
      .member("", 5, 64)
      .member("flag", 1, 128 | (1U << 24U))
      .member("next", 6, 192);
  made.type("look", BTF_KIND_FUNC, 0, 1);  // 8
  return made.bytes();
}

TEST(KernelTypes, FindMembersAlsoInUnnamedOnes) {
  const std::string bytes = made_pipe();
  const auto types = KernelTypes::parse(bytes);
  ASSERT_TRUE(types.has_value());
  EXPECT_EQ(types->member("pipe", "files"), (Member{0, 4}));
  EXPECT_EQ(types->member("pipe", "both"), (Member{8, 8}));
  EXPECT_EQ(types->member("pipe", "head"), (Member{8, 4})) << "a typedef";
  EXPECT_EQ(types->member("pipe", "tail"), (Member{12, 4}));
  EXPECT_EQ(types->member("pipe", "next"), (Member{24, 8}));
  EXPECT_EQ(types->member("pipe", "file"), std::nullopt) << "the beginning of a name is none";
  EXPECT_EQ(types->member("pip", "files"), std::nullopt);
  EXPECT_EQ(types->size_of("pipe"), 32U);
  EXPECT_EQ(types->function("look"), 8U);
  EXPECT_EQ(types->function("pipe"), std::nullopt) << "no function";
}

TEST(KernelTypes, WhatIsCutOffOrNoBtfIsNone) {
  const std::string bytes = made_pipe();
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    const auto types = KernelTypes::parse(std::string_view{bytes}.substr(0, length));
    if (types) static_cast<void>(types->member("pipe", "next"));
  }
  EXPECT_FALSE(KernelTypes::parse(std::string_view{bytes}.substr(0, bytes.size() / 2)).has_value());
  std::string other = bytes;
  other[0] = '\0';
  EXPECT_FALSE(KernelTypes::parse(other).has_value());
}

TEST(KernelTypes, OfThisKernelAreRead) {
  std::ifstream file{"/sys/kernel/btf/vmlinux", std::ios::binary};
  if (!file) GTEST_SKIP() << "this kernel does not tell its types";
  const std::string bytes{std::istreambuf_iterator<char>{file}, std::istreambuf_iterator<char>{}};
  const auto types = KernelTypes::parse(bytes);
  ASSERT_TRUE(types.has_value());
  EXPECT_EQ(types->member("list_head", "prev"), (Member{sizeof(void*), sizeof(void*)}));
  EXPECT_EQ(types->size_of("list_head"), 2 * sizeof(void*));
}

}  // namespace
}  // namespace ginnel
