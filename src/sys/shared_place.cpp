#include "shared_place.hpp"

#include <string>

namespace ginnel {

Result<std::byte*> address_of(const SharedPlace& place, std::size_t bytes, std::string_view operation) {
  const auto refuse = [&](std::string_view why) { return std::unexpected{Error{EINVAL, operation, {}, why}}; };
  if (place.memory == nullptr) return refuse("the place names no memory");
  const std::size_t size = place.memory->bytes().size();
  if (place.offset % place_alignment != 0)
    return refuse("offset " + std::to_string(place.offset) + " is no multiple of 64");
  if (place.offset > size || size - place.offset < bytes)
    return refuse(std::to_string(bytes) + " bytes at offset " + std::to_string(place.offset) + " do not fit into " +
                  std::to_string(size));
  return place.memory->bytes().data() + place.offset;
}

Error not_finished(std::string_view operation) {
  return Error{EINVAL, operation, {}, "there is none at this place, or its maker has not finished it (create_in)"};
}

}  // namespace ginnel
