#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "format.hpp"
#include "ginnel/sys/file_lock.hpp"
#include "ginnel/sys/mapping.hpp"
#include "ginnel/sys/shared_folder.hpp"
#include "owned_file.hpp"

// The folder of a topic: a bell, a ring for each writer (`w.07`), a page for each reader (`r.1203`).

namespace ginnel::detail {

/// A reader's page as others see it.
struct ReaderView {
  RangeLocks file;
  ReadOnlyMapping mapping;
  [[nodiscard]] const ReaderPage& page() const noexcept {
    return *reinterpret_cast<const ReaderPage*>(mapping.bytes().data());
  }
  [[nodiscard]] bool gone() const { return owner_is_gone(file, page().owner); }
};

class TopicFolder {
 public:
  /// Made when missing. Errors: EPERM, EINVAL, EBADMSG (a foreign bell), ENOSPC.
  [[nodiscard]] static Result<TopicFolder> open(const std::string& home, const std::string& name);

  [[nodiscard]] BellPage& bell() const noexcept { return *reinterpret_cast<BellPage*>(bell_.bytes().data()); }
  [[nodiscard]] int bell_file() const noexcept { return bell_file_.get(); }
  [[nodiscard]] const SharedFolder& folder() const noexcept { return folder_; }
  [[nodiscard]] const std::string& address() const noexcept { return address_; }
  /// Of rings and pages: others read them, and their keeper alone writes.
  [[nodiscard]] unsigned mode_of_own_files() const noexcept { return file_mode_ & 0755U; }

  /// Errors: ESTALE (somebody has removed the topic while the caller came to it).
  [[nodiscard]] Result<void> check_still_there() const;
  /// Says that a file came or went, and wakes everybody to look. Returns the generation that this made.
  std::uint32_t announce() const;
  /// Has those look again who wait for room or for a reader.
  void wake_writers() const;

  [[nodiscard]] static std::string ring_name(std::size_t number);
  /// The number of `w.07`; none for other names.
  [[nodiscard]] static std::optional<std::size_t> ring_number(std::string_view name);
  [[nodiscard]] static bool is_reader_name(std::string_view name);
  [[nodiscard]] std::vector<std::string> names() const;

  /// How many writers and readers are there, the dead left out after clean_up().
  struct Users {
    std::size_t writers = 0;
    std::size_t readers = 0;
  };
  [[nodiscard]] Users users() const;

  /// Removes what the dead have left: pages of readers, and rings that no living reader can still want to read.
  void clean_up() const;

 private:
  TopicFolder(SharedFolder folder, UniqueFd bell_file, ReadWriteMapping bell, std::string address, unsigned mode)
      : folder_{std::move(folder)},
        bell_file_{std::move(bell_file)},
        bell_{std::move(bell)},
        address_{std::move(address)},
        file_mode_{mode} {}
  [[nodiscard]] bool remove_dead_reader(const std::string& name, std::vector<ReaderView>& living) const;
  [[nodiscard]] bool remove_dead_ring(const std::string& name, const std::vector<ReaderView>& living) const;

  SharedFolder folder_;
  UniqueFd bell_file_;
  ReadWriteMapping bell_;
  std::string address_;
  unsigned file_mode_ = 0;
};

/// Errors: EBADMSG, ENOENT, EACCES.
[[nodiscard]] Result<ReaderView> view_reader(const SharedFolder& folder, const std::string& name);

}  // namespace ginnel::detail
