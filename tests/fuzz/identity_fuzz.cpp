#include "ginnel/core/process_id.hpp"
#include "ginnel/inventory/object.hpp"
#include "target.hpp"

// Identities as they stand in plans and locks; they too come back as they were.

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace ginnel;
  const std::string_view text = fuzz::text_of(bytes, size);
  if (const auto object = inventory::ObjectId::parse(text)) {
    const auto again = inventory::ObjectId::parse(object->to_string());
    fuzz::insist(again.has_value() && *again == *object);
  }
  if (const auto process = ProcessIdentity::parse(text)) {
    const auto again = ProcessIdentity::parse(process->to_string());
    fuzz::insist(again.has_value() && *again == *process);
  }
  return 0;
}
