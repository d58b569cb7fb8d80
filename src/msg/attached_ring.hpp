#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "ring_file.hpp"

namespace ginnel::detail {

/// One writer's ring, as one reader reads it.
class AttachedRing {
 public:
  /// `page` is the reader's own, `last` how many records it wants of those published before it came.
  AttachedRing(RingFile file, ReaderPage& page, std::uint64_t last);
  AttachedRing(AttachedRing&&) noexcept = default;
  AttachedRing& operator=(AttachedRing&&) noexcept = default;

  /// False: what its writer tells contradicts itself, and nothing can be read there.
  [[nodiscard]] bool has_begun() const noexcept { return has_begun_; }
  [[nodiscard]] const RingFile& file() const noexcept { return file_; }
  [[nodiscard]] RingReader& reader() noexcept { return reader_; }
  [[nodiscard]] std::uint64_t capacity() const noexcept { return file_.shape.capacity; }
  [[nodiscard]] std::uint64_t lost() const noexcept { return lost_; }
  [[nodiscard]] std::uint64_t told() const noexcept { return cursor_->position.load(std::memory_order_relaxed); }

  /// Lets the writer go on up to here.
  void tell(std::uint64_t position) noexcept { cursor_->position.store(position, std::memory_order_release); }
  void leave() noexcept { cursor_->incarnation.store(0, std::memory_order_release); }

  /// Copies the next record out of a ring whose writer waits for nobody; what it has overwritten is counted as lost.
  [[nodiscard]] RingReader::Found copy(std::vector<std::uint64_t>& buffer, Record& record);

  [[nodiscard]] bool writer_is_gone() const { return file_.writer_is_gone(); }
  [[nodiscard]] bool was_closed() const noexcept { return file_.header().closed.load() != 0; }

 private:
  [[nodiscard]] bool try_to_start_at(std::uint64_t position) noexcept;
  [[nodiscard]] bool is_place_of_record(std::uint64_t position) const noexcept {
    return position % file_.shape.alignment == 0;
  }
  [[nodiscard]] bool start_at_tail() noexcept;
  [[nodiscard]] bool start_before_last(std::uint64_t last) noexcept;
  void skip_to_last(std::uint64_t last) noexcept;
  [[nodiscard]] bool is_overwritten() const noexcept;
  [[nodiscard]] bool catch_up() noexcept;

  RingFile file_;
  Cursor* cursor_;
  RingReader reader_;
  std::optional<std::uint32_t> expected_;  ///< number of the next record
  std::uint64_t lost_ = 0;
  bool has_begun_ = true;
};

}  // namespace ginnel::detail
