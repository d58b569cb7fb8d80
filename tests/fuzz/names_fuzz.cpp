#include <algorithm>

#include "given_names.hpp"
#include "messaging_homes.hpp"
#include "svg_text.hpp"
#include "target.hpp"
#include "topic_pages.hpp"

// Names that others choose, of files, sockets and programs: taken apart, and put into a picture that a browser will read.

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace ginnel;
  const std::string_view name = fuzz::text_of(bytes, size);

  const std::string_view folder = inventory::messaging_folder_of(name);
  fuzz::insist(fuzz::is_within(folder, name));
  fuzz::insist(folder.empty() || inventory::messaging_kind_of(folder.substr(folder.rfind('/') + 1)).has_value());
  static_cast<void>(inventory::messaging_kind_of(name));
  if (const auto number = inventory::ring_number(name)) fuzz::insist(*number < inventory::rings_max);
  const std::string plain = inventory::unescaped(name);
  fuzz::insist(plain.size() <= size);
  fuzz::insist(std::ranges::none_of(plain, [](unsigned char letter) { return letter < ' '; }));

  fuzz::insist(inventory::socket_name_in(name).size() <= size);
  fuzz::insist(!inventory::path_in(name).contains('\0'));

  const std::string text = inventory::escaped(name);
  fuzz::insist(std::ranges::none_of(
      text, [](unsigned char letter) { return letter < ' ' || letter == '<' || letter == '>' || letter == '"'; }));
  for (const std::size_t characters : {2U, 5U, 24U})
    fuzz::insist(inventory::text_width(inventory::shorten(name, characters), 1) <= static_cast<double>(characters) + 1);
  return 0;
}
