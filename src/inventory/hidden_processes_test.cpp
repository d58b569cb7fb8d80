#include "hidden_processes.hpp"

#include <gtest/gtest.h>

#include <string>

namespace ginnel::inventory {
namespace {

constexpr std::string_view of_a_user = "CapEff:\t0000000000000000\n";
constexpr std::string_view of_root = "CapEff:\t000001ffffffffff\n";

std::string mounted(const std::string& options) {
  return "22 1 0:21 / /proc rw,relatime shared:12 - proc proc " + options + "\n";
}

TEST(HiddenProcesses, AreThereWhereHidepidSaysSo) {
  for (const char* how : {"1", "2", "noaccess", "invisible"}) {
    EXPECT_TRUE(hides_processes(mounted(std::string{"rw,gid=5,hidepid="} + how), of_a_user)) << how;
    EXPECT_FALSE(hides_processes(mounted(std::string{"rw,hidepid="} + how), of_root)) << how;
  }
  EXPECT_TRUE(hides_processes(mounted("rw,hidepid=ptraceable"), of_root));
  for (const char* options : {"rw", "rw,hidepid=0", "rw,hidepid=off"})
    EXPECT_FALSE(hides_processes(mounted(options), of_a_user)) << options;
}

TEST(HiddenProcesses, TheMountOnTopCounts) {
  EXPECT_FALSE(hides_processes(mounted("rw,hidepid=2") + mounted("rw"), of_a_user));
  EXPECT_TRUE(hides_processes(mounted("rw") + mounted("rw,hidepid=2"), of_a_user));
  EXPECT_FALSE(hides_processes("22 1 0:21 / /elsewhere rw - proc proc rw,hidepid=2\n", of_a_user));
}

}  // namespace
}  // namespace ginnel::inventory
