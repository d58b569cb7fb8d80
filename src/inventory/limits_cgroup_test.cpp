#include "limits_cgroup.hpp"

#include <gtest/gtest.h>

namespace ginnel::inventory {
namespace {

/// `CONTROLLER PATH DIRECTORY` of each place, in their order.
std::vector<std::string> places(std::string_view cgroup, std::string_view mounts) {
  std::vector<std::string> lines;
  for (const CgroupPlace& place : cgroup_places(cgroup, mounts))
    lines.push_back((place.controller.empty() ? "v2" : place.controller) + " " + place.path + " " + place.directory);
  return lines;
}

using Lines = std::vector<std::string>;
constexpr std::string_view unified = "30 23 0:26 / /sys/fs/cgroup rw shared:9 - cgroup2 cgroup2 rw,nsdelegate\n";

TEST(CgroupPlaces, GoUpToTheRoot) {
  EXPECT_EQ(places("0::/system.slice/db.service\n", unified),
            (Lines{"v2 /system.slice/db.service /sys/fs/cgroup/system.slice/db.service",
                   "v2 /system.slice /sys/fs/cgroup/system.slice", "v2 / /sys/fs/cgroup"}));
  EXPECT_EQ(places("0::/\n", unified), (Lines{"v2 / /sys/fs/cgroup"}));
}

TEST(CgroupPlaces, EndWhereTheMountOfAContainerBegins) {
  constexpr std::string_view mounts = "30 23 0:26 /docker/x /sys/fs/cgroup ro - cgroup2 cgroup rw\n";
  EXPECT_EQ(places("0::/docker/x/job\n", mounts),
            (Lines{"v2 /docker/x/job /sys/fs/cgroup/job", "v2 /docker/x /sys/fs/cgroup"}));
  EXPECT_EQ(places("0::/docker/xy\n", mounts), Lines{});
}

TEST(CgroupPlaces, FindTheControllersOfTheFirstVersion) {
  constexpr std::string_view mounts =
      "31 25 0:27 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"
      "32 25 0:28 / /sys/fs/cgroup/mem rw - cgroup cgroup rw,memory\n"
      "33 25 0:29 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n";
  EXPECT_EQ(places("4:memory:/job\n3:cpu:/\n2:pids:/\n0::/\n", mounts),
            (Lines{"memory /job /sys/fs/cgroup/mem/job", "memory / /sys/fs/cgroup/mem", "pids / /sys/fs/cgroup/pids"}));
}

TEST(CgroupPlaces, TakeTheFirstOfSeveralMounts) {
  constexpr std::string_view twice =
      "30 23 0:26 / /sys/fs/cgroup rw shared:9 - cgroup2 cgroup2 rw\n"
      "31 23 0:26 / /mnt/cgroup rw - cgroup2 cgroup2 rw\n";
  EXPECT_EQ(places("0::/\n", twice), (Lines{"v2 / /sys/fs/cgroup"}));
}

TEST(CgroupPlaces, AreNoneWhereTheTextsMakeNoSense) {
  for (const char* odd : {"", "\n", "0:", "0::", "::/", "0::relative", "\n\n0"})
    EXPECT_EQ(places(odd, unified), Lines{}) << odd;
  for (const char* odd : {"", "\n", "30", "30 23 0:26 / /sys/fs/cgroup rw -"})
    EXPECT_EQ(places("0::/\n", odd), Lines{}) << odd;
}

}  // namespace
}  // namespace ginnel::inventory
