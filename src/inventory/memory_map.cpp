#include "memory_map.hpp"

#include <cerrno>

#include "proc_text.hpp"
#include "words.hpp"

namespace ginnel::inventory {

bool MemoryMap::open(const Directory& process) {
  has_lines_ = false;
  maps_.reset();
  auto maps = process.open_file("maps");
  if (!maps) return false;
  maps_ = std::move(*maps);
  return true;
}

bool MemoryMap::for_each_file(const Wanted& wanted, const Found& found) {
  std::uint64_t address = 0;
  while (can_be_asked_) {
    const auto mapping = query_mapping(maps_.get(), address, MappingChoice::next_file);
    if (mapping) {
      address = mapping->end;
      if (!wanted(*mapping)) continue;
      // Another file may have taken its place since the first question.
      const auto again = query_mapping(maps_.get(), mapping->start, MappingChoice::covering, &path_);
      if (again && again->inode == mapping->inode && again->device == mapping->device) found(*again, path_);
      continue;
    }
    if (mapping.error().code() == ENOENT) return true;
    if (mapping.error().code() != ENOTTY) return false;
    can_be_asked_ = false;
  }
  return for_each_line(wanted, found);
}

bool MemoryMap::for_each_line(const Wanted& wanted, const Found& found) {
  if (!read_lines()) return false;
  for (std::string_view lines = lines_; !lines.empty();) {
    const auto line = parse_maps_line(take_line(lines));
    if (!line || !line->path.starts_with('/') || !wanted(line->mapping)) continue;
    path_ = line->path;
    found(line->mapping, path_);
  }
  return true;
}

std::optional<MappingStatus> MemoryMap::at(std::uint64_t address) {
  if (can_be_asked_) {
    const auto mapping = query_mapping(maps_.get(), address, MappingChoice::covering);
    if (mapping) return *mapping;
    if (mapping.error().code() != ENOTTY) return std::nullopt;
    can_be_asked_ = false;
  }
  if (!read_lines()) return std::nullopt;
  for (std::string_view lines = lines_; !lines.empty();) {
    const auto line = parse_maps_line(take_line(lines));
    if (line && address >= line->mapping.start && address < line->mapping.end) return line->mapping;
  }
  return std::nullopt;
}

bool MemoryMap::read_lines() {
  if (!has_lines_ && maps_.valid()) has_lines_ = read_text(maps_.get(), lines_).has_value();
  return has_lines_;
}

}  // namespace ginnel::inventory
