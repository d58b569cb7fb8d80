#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "format.hpp"
#include "ginnel/sys/file_lock.hpp"
#include "ginnel/sys/mapping.hpp"
#include "ginnel/sys/shared_folder.hpp"
#include "owned_file.hpp"

// The folder of an object whose readers have a page each: a bell, the pages (`r.1203.77`), and files of the writers.

namespace ginnel::detail {

/// Of the file that whoever comes first makes, and that all have.
inline constexpr const char* bell_name = "bell";

/// A reader's page as others see it.
struct ReaderView {
  RangeLocks file;
  ReadOnlyMapping mapping;
  [[nodiscard]] const ReaderPage& page() const noexcept {
    return *reinterpret_cast<const ReaderPage*>(mapping.bytes().data());
  }
  [[nodiscard]] bool gone() const { return owner_is_gone(file, page().owner); }
};

class BellFolder {
 public:
  /// With a bell, made when missing. Who puts a file there holds the folder until then. Errors: EBADMSG (a foreign bell), ENOSPC.
  [[nodiscard]] static Result<BellFolder> open(SharedFolder folder, const std::string& address);

  [[nodiscard]] BellPage& bell() const noexcept { return *reinterpret_cast<BellPage*>(bell_.bytes().data()); }
  [[nodiscard]] const SharedFolder& folder() const noexcept { return folder_; }
  [[nodiscard]] const std::string& address() const noexcept { return address_; }
  /// Of what one process alone writes, and the others read.
  [[nodiscard]] unsigned mode_of_own_files() const noexcept { return file_mode_ & 0755U; }
  /// Errors: EMFILE, ENFILE, ENOMEM: then nothing is known of who is there.
  [[nodiscard]] Result<std::vector<std::string>> names() const;

  /// Says that a file came or went, and wakes everybody to look. Returns the generation that this made.
  std::uint32_t announce() const;
  /// Has those look again who wait for room or for a reader.
  void wake_writers() const;
  /// After a publication, when the word below is not 0.
  void wake_readers() const noexcept;
  /// For those who wait by a descriptor.
  void ring_doorbell() const noexcept;
  /// What a writer looks at after each publication: 0 while nobody may sleep. Where the barrier of those who mean to sleep does not
  /// reach the caller, it is never 0.
  [[nodiscard]] const std::atomic<std::uint32_t>& attentive_readers() const noexcept;

  [[nodiscard]] static bool is_reader_name(std::string_view name) { return name.starts_with("r."); }
  /// Errors: EBADMSG, ENOENT, EACCES.
  [[nodiscard]] Result<ReaderView> view_reader(const std::string& name) const;
  /// Removes the pages of dead readers. True when there were any; `living` are the others. Errors: EMFILE, ENFILE, ENOMEM: then
  /// `living` may lack some.
  [[nodiscard]] Result<bool> remove_dead_readers(std::vector<ReaderView>& living) const;

 private:
  BellFolder(SharedFolder folder, UniqueFd bell_file, ReadWriteMapping bell, std::string address, unsigned mode)
      : folder_{std::move(folder)},
        bell_file_{std::move(bell_file)},
        bell_{std::move(bell)},
        address_{std::move(address)},
        file_mode_{mode} {}
  [[nodiscard]] Result<bool> remove_if_dead(const std::string& name, std::vector<ReaderView>& living) const;

  SharedFolder folder_;
  UniqueFd bell_file_;
  ReadWriteMapping bell_;
  std::string address_;
  unsigned file_mode_ = 0;
};

}  // namespace ginnel::detail
