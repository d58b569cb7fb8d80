#include "ring_files.hpp"

#include <gtest/gtest.h>

namespace ginnel::inventory {
namespace {

TEST(RingFiles, AreThoseOfTheListOfFilesAlone) {
  const std::vector<std::string> expected{"/dev/shm/a", "/dev/shm/with a blank\\", "/mq (deleted)"};
  EXPECT_EQ(
      files_of_ring("pos:\t0\nSqMask:\t0x7\nCQEs:\t0\n    0: opcode:22, flags:0\nUserFiles:\t5\n    0: /dev/shm/a\n"
                    "    2: /dev/shm/with\\040a\\040blank\\134\n    3: anon_inode:[eventfd]\n    4: /mq\\040(deleted)\n"
                    "UserBufs:\t1\n    0: 0x7f00/4096\n"),
      expected);
}

TEST(RingFiles, OfOtherTextsAreNone) {
  for (const char* text : {"", "UserFiles:\t0\n", "UserFiles:\t1\n/dev/shm/a\n", "UserFiles:\t1\n    x: /dev/shm/a\n",
                           "    0: /dev/shm/a\n", "UserFiles:\t1\n    0:"})
    EXPECT_TRUE(files_of_ring(text).empty()) << text;
  EXPECT_EQ(files_of_ring("UserFiles:\t1\n    0: /a\\9b\\04").front(), "/a\\9b\\04") << "no number of three digits";
}

}  // namespace
}  // namespace ginnel::inventory
