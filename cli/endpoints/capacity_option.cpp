#include "endpoints/capacity_option.hpp"

namespace ginnel::cli {

void CapacityOption::add_to(const VerbOptions& options) {
  options
      .add_option("--capacity", text_,
                  "topic (default 1M), channel (4M): size of the ring; a message has a quarter of it")
      .type_name("SIZE");
}

Result<std::optional<Bytes>> CapacityOption::value() const {
  if (!is_given()) return std::nullopt;
  auto capacity = Bytes::parse(text_);
  if (!capacity) return std::unexpected{capacity.error()};
  return *capacity;
}

}  // namespace ginnel::cli
