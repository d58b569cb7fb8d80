#include "topic_files.hpp"

#include <algorithm>
#include <array>

namespace ginnel::inventory {
namespace {

/// The words of a ring's records, read by the piece. After so many pieces it is tired: a large ring is not read to its end.
class BodyWords {
 public:
  explicit BodyWords(int file) noexcept : file_{file} {}

  [[nodiscard]] std::optional<std::uint64_t> operator()(std::uint64_t offset) {
    constexpr int pieces_max = 256;
    if (offset < start_ || offset + sizeof(std::uint64_t) > start_ + size_) {
      if (++pieces_ > pieces_max) return std::nullopt;
      start_ = offset;
      const auto got = read_at(file_, offset, std::as_writable_bytes(std::span{piece_}));
      size_ = got ? *got : 0;
      if (size_ < sizeof(std::uint64_t)) return std::nullopt;
    }
    return number_at<std::uint64_t>({piece_.data(), size_}, offset - start_);
  }

 private:
  int file_;
  int pieces_ = 0;
  std::uint64_t start_ = 0;
  std::size_t size_ = 0;
  std::array<char, 16384> piece_{};
};

void add_ring(TopicFiles& topic, const Directory& folder, const char* name) {
  const auto kept = read_kept_file(folder, name);
  if (!kept) return;
  TopicRing ring{.name = name,
                 .number = *ring_number(name),
                 .status = kept->status,
                 .locked = kept->locked,
                 .page = {},
                 .end = {}};
  ring.page = kept->file.valid() ? parse_ring_page(kept->page, kept->status.size)
                                 : Fact<RingPage>::missing(kept->locked.reason());
  if (ring.page) {
    BodyWords words{kept->file.get()};
    ring.end = find_end(*ring.page, [&](std::uint64_t offset) { return words(offset); });
  }
  topic.rings.push_back(std::move(ring));
}

}  // namespace

void add_other_file(MessagingFolder& object, std::vector<ReaderFile>& readers, const Directory& folder,
                    const std::string& name) {
  if (name == "bell") return;
  if (!is_reader_name(name)) {
    object.note_stranger(name);
    return;
  }
  const auto kept = read_kept_file(folder, name.c_str());
  if (!kept) return;
  readers.push_back({.name = name, .status = kept->status, .locked = kept->locked, .page = {}});
  readers.back().page =
      kept->file.valid() ? parse_reader_page(kept->page) : Fact<ReaderPage>::missing(kept->locked.reason());
}

std::optional<FileStatus> find_bell(const Directory& folder) {
  const auto bell = folder.status("bell", Follow::no);
  return bell && bell->type == FileType::regular ? std::optional{*bell} : std::nullopt;
}

TopicFiles read_topic(Directory& folder, const FileStatus& status) {
  TopicFiles topic;
  topic.status = status;
  topic.bell = find_bell(folder);
  for (const std::string& name : names_in(folder, topic)) {
    if (ring_number(name))
      add_ring(topic, folder, name.c_str());
    else
      add_other_file(topic, topic.readers, folder, name);
  }
  return topic;
}

}  // namespace ginnel::inventory
