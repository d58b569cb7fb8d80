#include "limits_text.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace ginnel::inventory {
namespace {

using namespace std::string_literals;

TEST(LimitsText, TakesANumberByItsPlace) {
  EXPECT_EQ(*parse_setting("32000\n"), 32000U);
  EXPECT_EQ(*parse_setting("32000\t1024000000\t500\t32000\n", 2), 500U);
  EXPECT_EQ(*parse_setting("18446744073709551615\n"), UINT64_MAX);
}

TEST(LimitsText, GivesTheReasonInPlaceOfANumber) {
  EXPECT_EQ(parse_setting("").reason(), not_told);
  EXPECT_EQ(parse_setting("\n").reason(), not_told);
  EXPECT_EQ(parse_setting("1 2 3\n", 3).reason(), not_told);
  EXPECT_EQ(parse_setting("max\n").reason(), unlimited);
  for (const char* odd : {"18446744073709551616", "-1", "0x10", "12kB", "maximum"}) {
    const auto value = parse_setting(odd);
    EXPECT_FALSE(value.known()) << odd;
    EXPECT_EQ(value.reason(), "not a number that can be read") << odd;
  }
}

constexpr std::string_view process_limits =
    "Limit                     Soft Limit           Hard Limit           Units     \n"
    "Max file size             unlimited            unlimited            bytes     \n"
    "Max open files            1024                 524288               files     \n"
    "Max msgqueue size         819200               819200               bytes     \n";

TEST(LimitsText, ReadsSoftLimitsByTheirTitle) {
  EXPECT_EQ(*parse_process_limit(process_limits, "Max open files"), 1024U);
  EXPECT_EQ(*parse_process_limit(process_limits, "Max msgqueue size"), 819200U);
  EXPECT_EQ(parse_process_limit(process_limits, "Max file size").reason(), unlimited);
}

TEST(LimitsText, ProcessLimitsThatAreCutOffAreNotTold) {
  EXPECT_EQ(parse_process_limit(process_limits, "Max locked memory").reason(), not_told);
  EXPECT_EQ(parse_process_limit(process_limits, "Max open").reason(), "not a number that can be read");
  EXPECT_EQ(parse_process_limit("Max open files", "Max open files").reason(), not_told);
  EXPECT_EQ(parse_process_limit("Max open files   \n", "Max open files").reason(), not_told);
  EXPECT_EQ(parse_process_limit("", "Max open files").reason(), not_told);
}

TEST(LimitsText, KilobytesBecomeBytes) {
  EXPECT_EQ(parse_kilobytes("VmPeak:\t 12 kB\nVmLck:\t      64 kB\n", "VmLck"), 65536U);
  for (const char* odd : {"", "VmLck:", "VmLck: 64", "VmLck: 64 MB", "VmLck: -1 kB", "VmLck: 18446744073709551615 kB"})
    EXPECT_FALSE(parse_kilobytes(odd, "VmLck")) << odd;
}

TEST(LimitsText, PromisedHugePagesAreTaken) {
  const auto pool =
      parse_huge_page_pool("HugePages_Total:      10\nHugePages_Free:        6\nHugePages_Rsvd:        2\n");
  EXPECT_EQ(*pool.total, 10U);
  EXPECT_EQ(*pool.used, 6U);
}

TEST(LimitsText, NoHugePagesAreNoFullPool) {
  const auto none = parse_huge_page_pool("HugePages_Total: 0\nHugePages_Free: 0\nHugePages_Rsvd: 0\n");
  EXPECT_EQ(*none.total, 0U);
  EXPECT_EQ(none.used.reason(), "none are set aside");
  EXPECT_EQ(parse_huge_page_pool("").total.reason(), not_told);
  EXPECT_EQ(parse_huge_page_pool("HugePages_Total: 1\nHugePages_Free: 2\nHugePages_Rsvd: 0\n").used.reason(), not_told);
}

TEST(LimitsText, CountsTheMappingsOfTheProcessOnly) {
  EXPECT_EQ(count_mappings("7f00-7f01 r--p 00000000 fe:00 12 /usr/lib/x\n"
                           "7f02-7f03 rw-p 00000000 00:00 0 [stack]\n"
                           "ff00-ff01 --xp 00000000 00:00 0 [vsyscall]\n"),
            2U);
  EXPECT_EQ(count_mappings(""), 0U);
  EXPECT_EQ(count_mappings("7f00-"), 0U);
}

TEST(LimitsText, CountsTheWatchesOfAnInotifyDescriptor) {
  EXPECT_EQ(count_inotify_watches("pos:\t0\nflags:\t00\ninotify wd:1 ino:2 sdev:3\ninotify wd:2 ino:4 sdev:3\n"), 2U);
  EXPECT_EQ(count_inotify_watches("pos:\t0\n"), 0U);
}

TEST(LimitsText, FindsAVariableOfTheEnvironment) {
  const std::string environment = "HOME=/root\0XDG_RUNTIME_DIR=/run/user/0\0EMPTY=\0BARE\0"s;
  EXPECT_EQ(environment_value(environment, "XDG_RUNTIME_DIR"), "/run/user/0");
  EXPECT_EQ(environment_value(environment, "EMPTY"), "");
  EXPECT_FALSE(environment_value(environment, "RUNTIME_DIR"));
  EXPECT_FALSE(environment_value("", "HOME"));
}

TEST(LimitsText, TellsTheTwoHierarchiesOfCgroupsApart) {
  const auto line = parse_cgroup_line("0::/user.slice/a:b");
  ASSERT_TRUE(line);
  EXPECT_TRUE(line->unified);
  EXPECT_EQ(line->path, "/user.slice/a:b");
  const auto memory = parse_cgroup_line("4:cpu,memory:/docker/x");
  ASSERT_TRUE(memory);
  EXPECT_FALSE(memory->unified);
  EXPECT_TRUE(lists(memory->controllers, "memory"));
  EXPECT_FALSE(lists(memory->controllers, "mem"));
  for (const char* odd : {"", "0", "0::", "x::/", "0:memory", "4:memory:relative"})
    EXPECT_FALSE(parse_cgroup_line(odd)) << odd;
}

TEST(LimitsText, ReadsMountsWithAnyNumberOfOptionalFields) {
  const auto mount =
      parse_mount_line("36 35 98:0 /mnt1 /mnt\\040two rw,noatime master:1 shared:2 - cgroup2 none rw,nsdelegate");
  ASSERT_TRUE(mount);
  EXPECT_EQ(mount->root, "/mnt1");
  EXPECT_EQ(mount->point, "/mnt two");
  EXPECT_EQ(mount->type, "cgroup2");
  EXPECT_EQ(mount->options, "rw,nsdelegate");
  EXPECT_TRUE(parse_mount_line("36 35 98:0 / /sys rw - sysfs sysfs rw"));
  EXPECT_EQ(parse_mount_line("36 35 98:0 / /a\\04 rw - sysfs sysfs rw")->point, "/a\\04");
  for (const char* odd : {"", "36 35 98:0 / /mnt rw", "36 35 98:0 / /mnt rw -", "36 35 98:0 - cgroup2"})
    EXPECT_FALSE(parse_mount_line(odd)) << odd;
}

}  // namespace
}  // namespace ginnel::inventory
