#include "ginnel/core/address.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <random>

namespace ginnel {
namespace {

TEST(Address, EveryFormIsReadAndWrittenBack) {
  for (const std::string text : {"fifo:/tmp/x",
                                 "unix:/tmp/s",
                                 "unix-seq:/tmp/s",
                                 "unix-dgram:/tmp/s",
                                 "unix:@abstract",
                                 "unix-seq:@a b",
                                 "mq:/name",
                                 "sysv-msg:0x1234",
                                 "sysv-msg:id=7",
                                 "shm:/name",
                                 "sysv-shm:0x51",
                                 "sysv-shm:id=0",
                                 "memfd:12/3",
                                 "sem:/gate",
                                 "sysv-sem:0xffffffff",
                                 "sysv-sem:id=7",
                                 "lock:/path",
                                 "pid:1234",
                                 "signal:1",
                                 "topic:robot/pose",
                                 "latest:x",
                                 "queue:jobs",
                                 "channel:/run/x",
                                 "-",
                                 "fd:0",
                                 "unix:/with:colon",
                                 "fifo:relative"}) {
    auto address = Address::parse(text);
    ASSERT_TRUE(address) << text << ": " << address.error().message();
    EXPECT_EQ(address->to_string(), text);
    EXPECT_EQ(*Address::parse(address->to_string()), *address);
  }
}

TEST(Address, KeysAndIdsAreNumbers) {
  EXPECT_EQ(Address::parse("sysv-msg:0x1234")->sysv.key, 0x1234);
  EXPECT_EQ(Address::parse("sysv-msg:4660")->sysv.key, 0x1234);
  EXPECT_EQ(Address::parse("sysv-msg:0XFFFFFFFF")->sysv.key, -1);
  EXPECT_EQ(Address::parse("sysv-msg:id=7")->sysv.id, 7);
  EXPECT_FALSE(Address::parse("sysv-msg:id=7")->sysv.key);
  auto memfd = Address::parse("memfd:12/3");
  EXPECT_EQ(memfd->pid, 12);
  EXPECT_EQ(memfd->fd, 3);
}

TEST(Address, ABadOneOfAKnownSchemeShowsTheFormsOfThatScheme) {
  for (const std::string text :
       {"mq:name",      "mq:/",       "mq:/a/b",     "mq:",          "mq:/.",          "sem:gate",
        "shm:/..",      "sysv-msg:0", "sysv-msg:0x", "sysv-msg:id=", "sysv-msg:id=-1", "sysv-msg:0x1ffffffff",
        "sysv-msg:12x", "memfd:12",   "memfd:0/3",   "memfd:12/-1",  "pid:0",          "pid:x",
        "signal:-1",    "fd:-1",      "fd:",         "unix:@",       "unix:",          "fifo:",
        "topic:"}) {
    auto address = Address::parse(text);
    ASSERT_FALSE(address) << text;
    EXPECT_EQ(address.error().code(), EINVAL);
    const std::string scheme = text.substr(0, text.find(':'));
    EXPECT_NE(address.error().message().find("expected " + scheme + ":"), std::string::npos)
        << address.error().message();
  }
}

TEST(Address, AnUnknownSchemeShowsAllForms) {
  for (const std::string text : {"", "x", "/tmp/x", "pipe:/x", "FIFO:/x", ":", "--", "tcp:127.0.0.1:80"}) {
    auto address = Address::parse(text);
    ASSERT_FALSE(address) << text;
    EXPECT_NE(address.error().message().find("sysv-shm:0x1234"), std::string::npos);
  }
}

TEST(Address, ANulByteIsNoPartOfAName) {
  using namespace std::string_literals;
  EXPECT_FALSE(Address::parse("fifo:/tmp/a\0b"s));
  EXPECT_FALSE(Address::parse("unix:@a\0b"s));
}

TEST(Address, ANameIsAtMost255BytesLong) {
  EXPECT_TRUE(Address::parse("mq:/" + std::string(254, 'n')));
  const auto longer = Address::parse("mq:/" + std::string(255, 'n'));
  ASSERT_FALSE(longer);
  EXPECT_NE(longer.error().hint().find("at most 255 bytes"), std::string::npos) << longer.error().hint();
}

TEST(Address, ASemaphoresNameIsShorterByThePrefixOfItsFile) {
  EXPECT_TRUE(Address::parse("sem:/" + std::string(251, 'n')));
  const auto longer = Address::parse("sem:/" + std::string(252, 'n'));
  ASSERT_FALSE(longer);
  EXPECT_NE(longer.error().hint().find("at most 252 bytes"), std::string::npos) << longer.error().hint();
}

TEST(Address, WhateverIsAcceptedIsWrittenBackToTheSame) {
  std::mt19937 random{20261123};
  const std::string letters = "fimqsu-:/@0x123=id nt\\,";
  const std::vector<std::string> starts{"", "mq:", "sysv-shm:", "memfd:", "pid:", "unix:", "fd:"};
  int accepted = 0;
  for (int i = 0; i < 50'000; ++i) {
    std::string text = starts[random() % starts.size()];
    for (auto length = random() % 12; length > 0; --length) text.push_back(letters[random() % letters.size()]);
    auto address = Address::parse(text);
    if (!address) continue;
    ++accepted;
    auto again = Address::parse(address->to_string());
    ASSERT_TRUE(again) << text;
    ASSERT_EQ(*again, *address) << text;
  }
  EXPECT_GT(accepted, 1000);
}

}  // namespace
}  // namespace ginnel
