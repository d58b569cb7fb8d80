#include "ginnel/core/address.hpp"
#include "target.hpp"

// What users type: an address, which comes back from its canonical form as it was.

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace ginnel;
  const auto address = Address::parse(fuzz::text_of(bytes, size));
  if (!address) return 0;
  const auto again = Address::parse(address->to_string());
  fuzz::insist(again.has_value() && *again == *address);
  return 0;
}
