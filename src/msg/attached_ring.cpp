#include "attached_ring.hpp"

#include <algorithm>

namespace ginnel::detail {
namespace {

/// Each fails when the writer has moved on by 1/8 of its ring between two loads.
constexpr int starts_at_tail_max = 1024;

/// Of memory that may be changing: word by word, so that each load is whole and no rule of the language is broken.
/// The copy lies where the alignment wants it.
const std::byte* copy_words(const std::byte* from, std::vector<std::uint64_t>& buffer, std::uint32_t length,
                            std::uint64_t alignment) {
  const std::size_t words = (length + word_bytes - 1) / word_bytes;
  const std::size_t spare = alignment / word_bytes;
  if (buffer.size() < words + spare) buffer.resize(words + spare);
  const auto address = reinterpret_cast<std::uintptr_t>(buffer.data());
  std::uint64_t* const to = buffer.data() + (alignment - address % alignment) % alignment / word_bytes;
  for (std::size_t i = 0; i < words; ++i) to[i] = word_at(from, i * word_bytes).load(std::memory_order_relaxed);
  return reinterpret_cast<const std::byte*>(to);
}

}  // namespace

AttachedRing::AttachedRing(RingFile file, ReaderPage& page, std::uint64_t last)
    : file_{std::move(file)}, cursor_{&page.cursors[file_.number]}, reader_{file_.mapping.body(), file_.shape, 0} {
  const RingHeader& header = file_.header();
  cursor_->lost.store(0);
  cursor_->position.store(0);
  cursor_->incarnation.store(header.incarnation);
  const std::uint32_t created = header.created_generation.load();
  const bool is_newer = created == 0 || is_later(created, page.joined_generation);  // 0: it has hardly appeared
  if (is_newer && page.reliable == 0) expected_ = 0;  // and what was overwritten since, it has lost
  if (is_newer && (page.reliable == 0 || try_to_start_at(0))) return;
  if (last > 0 && start_before_last(last)) return;
  has_begun_ = start_at_tail();
}

/// The cursor is told first, then the promise looked at; a writer first promises, then looks at the cursors. So either it
/// sees this cursor, or its promise is seen here.
bool AttachedRing::try_to_start_at(std::uint64_t position) noexcept {
  cursor_->position.store(position);
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (file_.header().promised.load() > position + capacity()) return false;
  reader_.move_to(position);
  return true;
}

bool AttachedRing::start_at_tail() noexcept {
  for (int left = starts_at_tail_max; left > 0; --left) {
    const std::uint64_t tail = file_.header().tail.load();
    if (is_place_of_record(tail) && try_to_start_at(tail)) {
      skip_to_last(0);
      return true;
    }
    relax();
  }
  return false;
}

/// From the newest checkpoint that has so many records behind it, or from the oldest that is still whole.
bool AttachedRing::start_before_last(std::uint64_t last) noexcept {
  const RingHeader& header = file_.header();
  const std::uint64_t next = header.next_checkpoint.load(std::memory_order_acquire);
  const std::uint64_t count = header.count.load();
  const std::uint64_t kept = std::min<std::uint64_t>(next, checkpoint_count - 1);
  std::vector<std::uint64_t> places;  // from old to new
  if (next < checkpoint_count) places.push_back(0);
  for (std::uint64_t i = next - kept; i < next; ++i) {
    const Checkpoint& checkpoint = header.checkpoints[i % checkpoint_count];
    const std::uint64_t position = checkpoint.position.load(std::memory_order_relaxed);
    if (checkpoint.count.load(std::memory_order_relaxed) + last <= count) places.clear();
    places.push_back(position);
  }
  for (const std::uint64_t place : places) {
    if (!is_place_of_record(place) || !try_to_start_at(place)) continue;
    skip_to_last(last);
    return true;
  }
  return false;
}

/// Leaves so many of the records that are there.
void AttachedRing::skip_to_last(std::uint64_t last) noexcept {
  const std::uint64_t start = reader_.position();
  Record record;
  std::uint64_t there = 0;
  const auto goes_on = [&] {
    return reader_.position() - start < capacity() && reader_.look(record) == RingReader::Found::record;
  };
  for (; goes_on(); ++there) reader_.pass(record);
  reader_.move_to(start);
  for (; there > last && goes_on(); --there) reader_.pass(record);
  tell(reader_.position());
}

bool AttachedRing::is_overwritten() const noexcept {
  std::atomic_thread_fence(std::memory_order_acquire);
  return file_.header().reserved.load(std::memory_order_relaxed) > reader_.position() + capacity();
}

/// To the oldest checkpoint with a quarter of the ring before the writer comes there again, or to the newest record. False: there is none.
bool AttachedRing::catch_up() noexcept {
  const RingHeader& header = file_.header();
  const std::uint64_t reserved = header.reserved.load();
  const std::uint64_t next = header.next_checkpoint.load(std::memory_order_acquire);
  const std::uint64_t kept = std::min<std::uint64_t>(next, checkpoint_count - 1);
  for (std::uint64_t i = next - kept; i < next; ++i) {
    const std::uint64_t position = header.checkpoints[i % checkpoint_count].position.load(std::memory_order_relaxed);
    if (is_place_of_record(position) && position > reader_.position() &&
        position + capacity() >= reserved + capacity() / 4) {
      reader_.move_to(position);
      return true;
    }
  }
  const std::uint64_t tail = header.tail.load();
  if (!is_place_of_record(tail)) return false;
  reader_.move_to(tail);
  return true;
}

RingReader::Found AttachedRing::copy(std::vector<std::uint64_t>& buffer, Record& record) {
  for (int tries = 0; tries < 64; ++tries) {
    const RingReader::Found found = reader_.look(record);
    const std::byte* copied = nullptr;
    if (found == RingReader::Found::record)
      copied = copy_words(record.payload, buffer, record.length, file_.shape.alignment);
    if (is_overwritten()) {
      if (!catch_up()) return RingReader::Found::rubbish;
      continue;
    }
    if (found != RingReader::Found::record) return found;
    if (expected_) lost_ += static_cast<std::uint32_t>(record.number - *expected_);
    expected_ = record.number + 1;
    cursor_->lost.store(lost_, std::memory_order_relaxed);
    reader_.pass(record);
    record.payload = copied;
    return found;
  }
  return RingReader::Found::nothing;  // the writer is too fast to be read from at all: the caller looks again
}

}  // namespace ginnel::detail
