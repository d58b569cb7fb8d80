#include "polled_files.hpp"
#include "target.hpp"

// What a thread polls: fdinfo of an epoll descriptor, an array of struct pollfd, two sets of select(2).

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace ginnel;
  const std::string_view text = fuzz::text_of(bytes, size);
  for (const auto& file : inventory::watched_files(text)) fuzz::insist(file.fd >= 0);
  const auto polled = inventory::polled_files(text);
  fuzz::insist(polled.size() <= size / 8);
  for (const auto& file : polled) fuzz::insist(file.fd >= 0);
  const auto selected = inventory::selected_files(text.substr(0, size / 3), text.substr(size / 3), size * 8);
  fuzz::insist(selected.size() <= size * 8);
  for (const auto& file : selected) fuzz::insist(file.reading || file.writing);
  return 0;
}
