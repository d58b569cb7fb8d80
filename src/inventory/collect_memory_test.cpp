#include <gtest/gtest.h>

#include "scene.hpp"

namespace ginnel::inventory {
namespace {

// Memory that was mapped anew between two looks: maps told of one file, map_files of the one that has its place now.
TEST(CollectMemory, TakesNoFactsFromWhatWasMappedInItsPlace) {
  constexpr std::uint64_t device = 1;
  const Landmarks landmarks{.pipes = 2, .anonymous = 3, .memory = device};
  const ScanOptions options;
  const Spaces spaces{options};
  MappedFile mapping;
  mapping.pid = 7;
  mapping.device = device;
  mapping.inode = 5;
  mapping.path = "/memfd:first (deleted)";
  mapping.origin = MappedFile::Origin{};
  mapping.origin->status.device = device;
  mapping.origin->status.inode = 6;
  mapping.origin->status.user = 1000;
  Census census;
  census.mappings.push_back(mapping);
  Snapshot snapshot;
  Scene scene{.options = options, .landmarks = landmarks, .spaces = spaces, .census = census, .snapshot = snapshot};

  collect_memory(scene);

  ASSERT_EQ(scene.objects.all().size(), 1U);
  const Object& object = scene.objects.all().front();
  EXPECT_EQ(object.id.number, 5U);
  EXPECT_FALSE(object.owner.known());
  ASSERT_EQ(object.holders.size(), 1U);
  EXPECT_EQ(object.holders.front().pid, 7);
}

}  // namespace
}  // namespace ginnel::inventory
