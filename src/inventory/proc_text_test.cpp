#include "proc_text.hpp"

#include <gtest/gtest.h>

#include <string>

#include "ginnel/sys/directory.hpp"

namespace ginnel::inventory {
namespace {

TEST(ProcessStat, TheNameOfACommandCannotPretendToBeTheRest) {
  const auto stat = parse_stat(
      "4242 (a) S 1 (b) ) T 7 4242 4242 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 3 0 12345678 1000 2 18446744073709551615\n");
  ASSERT_TRUE(stat.has_value());
  EXPECT_EQ(stat->command, "a) S 1 (b) ");
  EXPECT_EQ(stat->state, 'T');
  EXPECT_EQ(stat->parent, 7);
  EXPECT_EQ(stat->threads, 3U);
  EXPECT_EQ(stat->start_ticks, 12345678U);
  EXPECT_FALSE(stat->kernel_thread);
}

TEST(ProcessStat, TellsTheProcessorWhereTheLineGoesOnSoFar) {
  const std::string line =
      "8 (a) S 1 8 8 0 -1 4194304 0 0 0 0 0 0 0 0 20 0 1 0 9 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 17 ";
  EXPECT_EQ(parse_stat(line + "3 0 0 0\n")->processor, 3);
  EXPECT_FALSE(parse_stat(line)->processor.has_value());
}

TEST(ProcessStat, KernelThreadsAreKnownByTheirFlag) {
  const auto stat = parse_stat("2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 0 0 0 20 0 1 0 5 0 0");
  ASSERT_TRUE(stat.has_value());
  EXPECT_TRUE(stat->kernel_thread);
}

TEST(ProcessStat, WhatIsCutOffGivesNothing) {
  const std::string whole = "2 (k) S 0 0 0 0 -1 2129984 0 0 0 0 0 0 0 0 20 0 1 0 5 ";
  ASSERT_TRUE(parse_stat(whole).has_value());
  for (std::size_t length = 0; length + 2 < whole.size(); ++length)
    EXPECT_FALSE(parse_stat(std::string_view{whole}.substr(0, length)).has_value()) << length;
}

TEST(ProcessStatus, ReadsUserAndSignals) {
  const auto status = parse_status(
      "Name:\tx\nUid:\t1000\t0\t0\t0\nSigQ:\t3/"
      "96343\nSigPnd:\t0000000000000200\nShdPnd:\t0000000200000000\nSigBlk:\tffffffffffffffff\n");
  EXPECT_EQ(status.real_user, 1000U);
  EXPECT_EQ(status.pending, 0x200000200U);
  EXPECT_EQ(status.blocked, ~std::uint64_t{0});
  EXPECT_EQ(status.queued, 3U);
  EXPECT_EQ(status.queued_limit, 96343U);
  EXPECT_FALSE(parse_status("").real_user.has_value());
  EXPECT_FALSE(parse_status("Uid:\t-1\nSigQ:\tx").queued.has_value());
}

TEST(MapsLine, ReadsRightsPlaceAndPath) {
  const auto line = parse_maps_line(
      "7f0000001000-7f0000003000 rw-s 00002000 00:01 32769                      /SYSV00000051 (deleted)");
  ASSERT_TRUE(line.has_value());
  EXPECT_EQ(line->mapping.start, 0x7f0000001000U);
  EXPECT_EQ(line->mapping.end, 0x7f0000003000U);
  EXPECT_TRUE(line->mapping.readable && line->mapping.writable && line->mapping.shared);
  EXPECT_EQ(line->mapping.offset, 0x2000U);
  EXPECT_EQ(line->mapping.device, device_number(0, 1));
  EXPECT_EQ(line->mapping.inode, 32769U);
  EXPECT_EQ(line->path, "/SYSV00000051 (deleted)");
}

TEST(MapsLine, AnonymousMemoryHasNoPathAndRubbishIsNoMapping) {
  const auto anonymous = parse_maps_line("7f0000001000-7f0000003000 r--p 00000000 00:00 0 ");
  ASSERT_TRUE(anonymous.has_value());
  EXPECT_FALSE(anonymous->mapping.shared);
  EXPECT_EQ(anonymous->path, "");
  for (const char* line : {"", "-", "1-2", "1-2 rw", "1-2 rw-s 0 00 0", "1-2 rw-s 0 0:0 x", "zz-2 rw-s 0 0:0 0",
                           "1-99999999999999999999 rw-s 0 0:0 0"})
    EXPECT_FALSE(parse_maps_line(line).has_value()) << line;
}

TEST(Cgroup, ThePathOfTheUnifiedHierarchyOrOfMemory) {
  EXPECT_EQ(parse_cgroup("0::/user.slice/a\n"), "/user.slice/a");
  EXPECT_EQ(parse_cgroup("4:memory:/jobs/7\n1:cpu:/\n0::/\n"), "/jobs/7");
  EXPECT_EQ(parse_cgroup("0::/\n"), "/");
  EXPECT_EQ(parse_cgroup(""), "/");
}

TEST(Container, IsNamedAsItsRuntimeNamesIt) {
  EXPECT_EQ(container_of("/system.slice/docker-0123abcd.scope"), "0123abcd");
  EXPECT_EQ(container_of("/docker/0123abcd"), "0123abcd");
  EXPECT_EQ(container_of("/kubepods.slice/pod1/cri-containerd-77.scope"), "77");
  EXPECT_EQ(container_of("/machine.slice/libpod-55.scope/container"), "55");
  EXPECT_EQ(container_of("/lxc.payload.web"), "web");
  EXPECT_EQ(container_of("/user.slice/user-1000.slice"), "");
}

TEST(LockLine, ReadsHoldersWaitersAndRanges) {
  const auto held = parse_lock_line("1: POSIX  ADVISORY  WRITE 1234 fe:00:10952783 10 29");
  ASSERT_TRUE(held.has_value());
  EXPECT_FALSE(held->waits);
  EXPECT_EQ(held->kind, "POSIX");
  EXPECT_EQ(held->mode, "WRITE");
  EXPECT_EQ(held->pid, 1234);
  EXPECT_EQ(held->device, device_number(0xfe, 0));
  EXPECT_EQ(held->inode, 10952783U);
  EXPECT_EQ(held->start, 10U);
  EXPECT_EQ(held->end, 29U);

  const auto waiting = parse_lock_line("2: -> FLOCK  ADVISORY  READ  77 00:1b:5 0 EOF");
  ASSERT_TRUE(waiting.has_value());
  EXPECT_TRUE(waiting->waits);
  EXPECT_FALSE(waiting->end.has_value());
  const auto ofd = parse_lock_line("3: OFDLCK ADVISORY  READ -1 00:1b:5 0 EOF");
  ASSERT_TRUE(ofd.has_value());
  EXPECT_FALSE(ofd->pid.has_value());
}

TEST(LockLine, RubbishIsNoLock) {
  for (const char* line :
       {"", "1:", "1: ->", "1: POSIX ADVISORY WRITE x fe:00:1 0 EOF", "1: POSIX ADVISORY WRITE 1 fe:00 0 EOF",
        "1: POSIX ADVISORY WRITE 1 fe:00:1 0", "1: POSIX ADVISORY WRITE 1 fe:00:1 0 later"})
    EXPECT_FALSE(parse_lock_line(line).has_value()) << line;
}

TEST(SysvRow, FindsColumnsByTheirTitles) {
  const std::string_view table =
      "       key      shmid perms                  size  cpid  lpid nattch\n"
      "        81      32769  1600                  4096    12    13      2\n"
      "-123456789          1   600                     8     0     0      0\n";
  int rows = 0;
  for_each_row(table, [&](const SysvRow& row) {
    if (rows++ > 0) {
      EXPECT_EQ(row.key(), -123456789);
      return;
    }
    EXPECT_EQ(row.key(), 81);
    EXPECT_EQ(row.number("shmid"), 32769U);
    EXPECT_EQ(row.octal("perms"), 01600U);
    EXPECT_EQ(row.number("nattch"), 2U);
    EXPECT_FALSE(row.number("rss").has_value());
  });
  EXPECT_EQ(rows, 2);
}

TEST(SysvRow, ATableOfTitlesOnlyHasNoRows) {
  for (const char* table : {"", "key shmid", "key shmid\n", "key shmid\n\n"})
    for_each_row(table, [](const SysvRow&) { ADD_FAILURE() << "a row"; });
}

TEST(ValueOf, TakesTheWholeKeyAndTrims) {
  const std::string_view info = "pos:\t0\nflags:\t02\neventfd-count:                7 \neventfd-id: 12\n";
  EXPECT_EQ(value_of(info, "eventfd-count"), "7");
  EXPECT_EQ(value_of(info, "eventfd-id"), "12");
  EXPECT_FALSE(value_of(info, "eventfd").has_value());
  EXPECT_FALSE(value_of("", "pos").has_value());
}

TEST(Bracketed, ReadsTheNumberOfANamespaceOrSocket) {
  EXPECT_EQ(parse_bracketed("ipc:[4026531839]"), 4026531839U);
  for (const char* text : {"", "ipc:", "ipc:[", "ipc:[]", "ipc:[x]", "ipc:[12"})
    EXPECT_FALSE(parse_bracketed(text).has_value()) << text;
}

TEST(LastRan, IsInTheLineOfItsName) {
  EXPECT_DOUBLE_EQ(parse_last_ran("cat (1, #threads: 1)\n---\nse.exec_start      :      27875030.143809\n").value_or(0),
                   27875030.143809);
  for (const char* text : {"", "se.exec_start", "se.exec_start :", "se.exec_start : x"})
    EXPECT_FALSE(parse_last_ran(text).has_value()) << text;
}

}  // namespace
}  // namespace ginnel::inventory
