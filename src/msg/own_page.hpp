#pragma once

#include <functional>
#include <string>

#include "bell_folder.hpp"
#include "format.hpp"
#include "ginnel/sys/file_lock.hpp"
#include "ginnel/sys/mapping.hpp"

namespace ginnel::detail {

/// A reader's page in the hands of its reader.
struct OwnPage {
  RangeLocks file;
  ReadWriteMapping mapping;
  std::string name;
  [[nodiscard]] ReaderPage& page() const noexcept { return *reinterpret_cast<ReaderPage*>(mapping.bytes().data()); }
};

/// The name to try after so many were taken; empty: there is none left.
using PageNames = std::function<std::string(const OwnerStamp& owner, unsigned attempt)>;

/// While the folder is held (home.hpp). Errors: ENOSPC, EUSERS (no name is left).
[[nodiscard]] Result<OwnPage> make_page(const BellFolder& folder, bool reliable, const PageNames& names);

}  // namespace ginnel::detail
