#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "crash/messages.hpp"
#include "support/single_step.hpp"

namespace ginnel::crash {

/// What a companion and who made it tell each other; lies in shared memory.
struct CompanionNotes {
  std::atomic<std::uint32_t> peers;        ///< that it has now
  std::atomic<std::uint32_t> descriptors;  ///< that it has open
  std::atomic<std::uint64_t> rounds;
  std::array<std::atomic<std::uint32_t>, 128>
      received;  ///< how often the numbers of the actors came: see note_received()
  std::atomic<std::uint32_t> outcome;
  std::atomic<bool> over;
  std::array<char, 240> fault;

  void note_received(std::uint64_t author, std::uint64_t number) noexcept {
    if (author == author_of(0) || author == author_of(1)) ++received[place_of(author, number)];
  }
  [[nodiscard]] std::uint32_t times_received(std::uint64_t author, std::uint64_t number) const noexcept {
    return received[place_of(author, number)];
  }
  [[nodiscard]] static std::size_t place_of(std::uint64_t author, std::uint64_t number) noexcept {
    return static_cast<std::size_t>((author - author_of(0)) * 64 + number % 64);
  }
};

/// A process that lives through everything, or until it is told not to: the other side of what the actors do.
class Companion {
 public:
  /// It prepares before this returns, and works from begin() on. What it throws is in its notes.
  Companion(const std::function<void(CompanionNotes&)>& prepare, const std::function<void(CompanionNotes&)>& work);
  Companion(const Companion&) = delete;
  Companion& operator=(const Companion&) = delete;
  ~Companion();

  void begin() { process_->go_on(); }
  void end() { process_->kill(); }
  /// Waits until it ends by itself; throws Broken where it found something.
  void wait_for_end();
  /// Throws Broken where it found something.
  void judge() const;
  [[nodiscard]] CompanionNotes& notes() const noexcept { return *notes_; }

 private:
  CompanionNotes* notes_;
  std::unique_ptr<test::SteppedProcess> process_;
};

/// For the notes of a companion.
[[nodiscard]] std::uint32_t count_own_descriptors();

}  // namespace ginnel::crash
