#include <algorithm>
#include <map>
#include <utility>

#include "channel_pages.hpp"
#include "ginnel/sys/cross_memory.hpp"
#include "kept_file.hpp"
#include "scene.hpp"

// The memory of channels has been found with all other memory. Here its two directions are brought together, and what each holds
// is read from the memory of its writer, who has both mapped.

namespace ginnel::inventory {
namespace {

struct Ends {
  pid_t writer = 0;
  pid_t reader = 0;
  auto operator<=>(const Ends&) const = default;
};

/// Who has made it writes it, the peer may only read it. Nullopt where they are not both seen.
std::optional<Ends> ends_of(const Object& channel) {
  std::optional<pid_t> writer;
  std::optional<pid_t> reader;
  for (const Holder& holder : channel.holders) {
    if (holder.how != How::mapping) continue;
    auto& end = holder.access == Access::read ? reader : writer;
    if (end && *end != holder.pid) return std::nullopt;  // a child has inherited it
    end = holder.pid;
  }
  if (!writer || !reader) return std::nullopt;
  return Ends{*writer, *reader};
}

/// The memory of one process, at one look.
class Memory {
 public:
  /// The process of the snapshot, or none if it has ended.
  Memory(const Snapshot& snapshot, pid_t pid) {
    const ProcessInfo* told = snapshot.process(pid);
    auto process = Process::open(pid);
    if (told != nullptr && process && process->identity().start_ticks == told->start_ticks)
      process_ = std::move(*process);
  }

  /// As much as can be read from there.
  [[nodiscard]] std::string read(std::uint64_t address, std::size_t size) const {
    std::string bytes(process_ ? size : 0, '\0');
    if (!process_) return bytes;
    const auto got = read_memory(*process_, address, std::as_writable_bytes(std::span{bytes}));
    const BytesRead* read = got ? got->get_if<BytesRead>() : nullptr;
    bytes.resize(read != nullptr ? read->count : 0);
    return bytes;
  }

 private:
  std::optional<Process> process_;
};

struct MappedPage {
  std::uint64_t address = 0;
  ChannelPage page;
};

/// Where a process has the memory of an end mapped: it is mapped in several pieces, of which one begins with its page.
std::optional<MappedPage> page_in(const Scene& scene, const Memory& memory, pid_t pid, const ObjectId& channel) {
  for (const MappedFile& mapping : scene.census.mappings) {
    if (mapping.pid != pid || mapping.inode != channel.number || mapping.device != channel.device) continue;
    if (const auto page = parse_channel_page(memory.read(mapping.start, channel_page_bytes)))
      return MappedPage{mapping.start, *page};
  }
  return std::nullopt;
}

/// Reads words one after the other, many at a time.
class Words {
 public:
  Words(const Memory& memory, std::uint64_t address) : memory_{memory}, address_{address} {}

  [[nodiscard]] std::optional<std::uint64_t> at(std::uint64_t offset) {
    if (offset < start_ || offset + sizeof(std::uint64_t) > start_ + bytes_.size()) {
      if (reads_++ == reads_at_most) return std::nullopt;
      start_ = offset;
      bytes_ = memory_.read(address_ + offset, bytes_at_a_time);
    }
    if (bytes_.size() < sizeof(std::uint64_t)) return std::nullopt;
    return number_at<std::uint64_t>(bytes_, offset - start_);
  }

 private:
  static constexpr std::size_t bytes_at_a_time = 8192;
  static constexpr int reads_at_most = 4096;
  const Memory& memory_;
  std::uint64_t address_;
  std::uint64_t start_ = 0;
  std::string bytes_;
  int reads_ = 0;
};

void tell_fill(Scene& scene, const Ends& ends, const ObjectId& id, const ObjectId& back) {
  Object& channel = scene.objects.at(id);
  channel.fill = Fact<Fill>::missing("the memory of its writer may not be read");
  const Memory memory{scene.snapshot, ends.writer};
  const auto writer = page_in(scene, memory, ends.writer, id);
  const auto reader = page_in(scene, memory, ends.writer, back);
  if (!writer || !reader) return;
  Words words{memory, writer->address};
  const auto content =
      content_of(writer->page, reader->page.cursor, [&](std::uint64_t offset) { return words.at(offset); });
  if (!content.whole) {
    channel.fill = Fact<Fill>::missing("it holds more records than a look follows");
    return;
  }
  // A record needs its head, and the word after it.
  const bool full = content.bytes + 2 * writer->page.alignment > writer->page.capacity;
  channel.fill =
      Fill{.used = content.bytes, .capacity = writer->page.capacity, .unit = Unit::bytes, .writer_blocks = full};
  channel.details.push_back({"records", std::to_string(content.records)});
}

}  // namespace

/// Just one such pair between two processes is one channel; of several it is not told which belong together.
void collect_channels(Scene& scene) {
  std::map<Ends, std::vector<ObjectId>> by_ends;
  for (const Object& object : scene.objects.all())
    if (object.id.kind == Kind::channel)
      if (const auto ends = ends_of(object)) by_ends[*ends].push_back(object.id);
  for (const auto& [ends, there] : by_ends) {
    const auto back = by_ends.find({ends.reader, ends.writer});
    if (there.size() != 1 || back == by_ends.end() || back->second.size() != 1) continue;
    scene.objects.at(there.front()).peers.push_back(back->second.front());
    tell_fill(scene, ends, there.front(), back->second.front());
  }
}

}  // namespace ginnel::inventory
