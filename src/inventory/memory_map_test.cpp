#include "memory_map.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <set>
#include <tuple>

#include "ginnel/sys/memfd.hpp"
#include "proc_text.hpp"
#include "words.hpp"

namespace ginnel::inventory {
namespace {

using Line = std::tuple<std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t, bool, bool, bool,
                        std::string>;

Line line_of(const MappingStatus& mapping, std::string_view path) {
  return {mapping.start,    mapping.end,      mapping.offset, mapping.device,   mapping.inode,
          mapping.readable, mapping.writable, mapping.shared, std::string{path}};
}

bool any(const MappingStatus&) { return true; }

TEST(MemoryMap, TellsOfEachFileWhatTheTextTells) {
  const auto self = Directory::open("/proc/self");
  ASSERT_TRUE(self.has_value());
  MemoryMap map;
  ASSERT_TRUE(map.open(*self));
  std::set<Line> told;
  ASSERT_TRUE(map.for_each_file(
      any, [&](const MappingStatus& mapping, const std::string& path) { told.insert(line_of(mapping, path)); }));

  std::string text;
  ASSERT_TRUE(self->read_file("maps", text).has_value());
  std::set<Line> printed;
  for (std::string_view lines = text; !lines.empty();) {
    const auto line = parse_maps_line(take_line(lines));
    ASSERT_TRUE(line.has_value());
    if (line->path.starts_with('/')) printed.insert(line_of(line->mapping, line->path));
  }
  EXPECT_GT(told.size(), 3U);
  EXPECT_EQ(told, printed);
}

TEST(MemoryMap, AnAddressIsInItsMappingOrInNone) {
  const auto memfd = Memfd::create("map-test", Bytes{1});
  ASSERT_TRUE(memfd.has_value());
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  void* const memory = ::mmap(nullptr, page, PROT_READ, MAP_SHARED, memfd->descriptor(), 0);
  ASSERT_NE(memory, MAP_FAILED);
  const auto address = reinterpret_cast<std::uint64_t>(memory);
  const auto self = Directory::open("/proc/self");
  ASSERT_TRUE(self.has_value());
  MemoryMap map;
  ASSERT_TRUE(map.open(*self));

  const auto inside = map.at(address + page - 1);
  ASSERT_TRUE(inside.has_value());
  EXPECT_TRUE(inside->start == address && inside->end == address + page);
  EXPECT_TRUE(inside->shared && inside->readable && !inside->writable);
  EXPECT_FALSE(map.at(0).has_value());
  ASSERT_EQ(::munmap(memory, page), 0);
  const auto gone = map.at(address);
  EXPECT_TRUE(!gone || gone->inode != inside->inode);
}

TEST(MemoryMap, OfAProcessThatHasEndedIsNotRead) {
  const auto self = Directory::open("/proc/self");
  ASSERT_TRUE(self.has_value());
  MemoryMap map;
  EXPECT_FALSE(map.at(0).has_value());
  EXPECT_FALSE(map.for_each_file(any, [](const MappingStatus&, const std::string&) {}));
}

}  // namespace
}  // namespace ginnel::inventory
