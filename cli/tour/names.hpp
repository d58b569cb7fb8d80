#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "ginnel/core/result.hpp"

namespace ginnel::cli::tour {

/// Names that nobody else uses, and the means to be rid of whatever got one of them, whoever of the tour's processes made it
/// and however that process ended.
class [[nodiscard]] Names {
 public:
  static constexpr std::size_t per_kind = 2;

  /// Makes a directory of its own (mode 0700, under TMPDIR or /tmp). Errors: of mkdtemp(3).
  [[nodiscard]] static Result<Names> create();
  Names(Names&& other) noexcept;
  Names& operator=(Names&&) = delete;
  ~Names();  ///< removes everything, and the directory

  [[nodiscard]] std::string path(const std::string& leaf) const { return directory_ + "/" + leaf; }
  /// For a POSIX queue, memory or semaphore.
  [[nodiscard]] std::string object(std::size_t number = 0) const;
  /// For a System V queue, memory or semaphore set.
  [[nodiscard]] std::int32_t key(std::size_t number = 0) const;

  /// Removes all that has one of these names.
  void clear() const noexcept;

 private:
  Names(std::string directory, std::string stem, std::int32_t first_key) noexcept;
  std::string directory_;
  std::string stem_;
  std::int32_t first_key_;
};

}  // namespace ginnel::cli::tour
