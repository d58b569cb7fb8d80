#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bell_folder.hpp"

namespace ginnel::detail {

/// The folder of a topic: with a ring for each writer (`w.07`).
class TopicFolder : public BellFolder {
 public:
  /// Errors: as BellFolder::open.
  [[nodiscard]] static Result<TopicFolder> open(SharedFolder folder, const std::string& address);

  [[nodiscard]] static std::string ring_name(std::size_t number);
  /// The number of `w.07`; none for other names.
  [[nodiscard]] static std::optional<std::size_t> ring_number(std::string_view name);

  /// How many writers and readers are there, the dead left out after clean_up().
  struct Users {
    std::size_t writers = 0;
    std::size_t readers = 0;
  };
  [[nodiscard]] Result<Users> users() const;

  /// Removes what the dead have left: pages of readers, and rings that no living reader can still want to read. Nothing that may
  /// still be wanted by a reader who could not be looked at.
  void clean_up() const;

 private:
  explicit TopicFolder(BellFolder folder) : BellFolder{std::move(folder)} {}
  [[nodiscard]] bool remove_dead_ring(const std::string& name, const std::vector<ReaderView>& living) const;
};

}  // namespace ginnel::detail
