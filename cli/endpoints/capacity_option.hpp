#pragma once

#include <optional>
#include <string>

#include "ginnel/core/bytes.hpp"
#include "ginnel/core/result.hpp"
#include "verb_options.hpp"

namespace ginnel::cli {

/// --capacity: how large a ring of the command's own is, for the kinds that send by one (sends_by_ring).
class CapacityOption {
 public:
  void add_to(const VerbOptions& options);
  [[nodiscard]] bool is_given() const noexcept { return !text_.empty(); }
  /// None where it was not given. Errors: EINVAL, ERANGE.
  [[nodiscard]] Result<std::optional<Bytes>> value() const;

 private:
  std::string text_;
};

}  // namespace ginnel::cli
