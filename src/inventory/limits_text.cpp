#include "limits_text.hpp"

#include "proc_text.hpp"
#include "words.hpp"

namespace ginnel::inventory {
namespace {

constexpr std::uint64_t bytes_in_kilobyte = 1024;

Fact<std::uint64_t> parse_amount(std::string_view word) {
  if (word.empty()) return Fact<std::uint64_t>::missing(not_told);
  if (word == "max" || word == "unlimited") return Fact<std::uint64_t>::missing(unlimited);
  const auto number = to_number<std::uint64_t>(word);
  return number ? Fact<std::uint64_t>{*number} : Fact<std::uint64_t>::missing("not a number that can be read");
}

/// mountinfo writes blanks, tabs, line ends and backslashes as three octal digits.
std::string without_octal_escapes(std::string_view text) {
  std::string plain;
  while (!text.empty()) {
    const auto code =
        text.size() >= 4 && text[0] == '\\' ? to_number<unsigned char>(text.substr(1, 3), 8) : std::nullopt;
    plain += code ? static_cast<char>(*code) : text.front();
    text.remove_prefix(code ? 4 : 1);
  }
  return plain;
}

}  // namespace

Fact<std::uint64_t> parse_setting(std::string_view text, std::size_t place) {
  for (std::size_t i = 0; i < place; ++i) static_cast<void>(take_word(text));
  return parse_amount(take_word(text));
}

Fact<std::uint64_t> parse_process_limit(std::string_view text, std::string_view title) {
  while (!text.empty()) {
    std::string_view line = take_line(text);
    if (!line.starts_with(title)) continue;
    line.remove_prefix(title.size());
    if (!line.starts_with(' ')) continue;
    return parse_amount(take_word(line));
  }
  return Fact<std::uint64_t>::missing(not_told);
}

std::optional<std::uint64_t> parse_kilobytes(std::string_view text, std::string_view key) {
  auto value = value_of(text, key);
  if (!value) return std::nullopt;
  const auto number = take_number<std::uint64_t>(*value);
  if (!number || take_word(*value) != "kB" || *number > UINT64_MAX / bytes_in_kilobyte) return std::nullopt;
  return *number * bytes_in_kilobyte;
}

HugePagePool parse_huge_page_pool(std::string_view meminfo) {
  const auto number = [&](std::string_view key) {
    const auto text = value_of(meminfo, key);
    return text ? to_number<std::uint64_t>(*text) : std::nullopt;
  };
  const auto total = number("HugePages_Total");
  const auto free = number("HugePages_Free");
  const auto reserved = number("HugePages_Rsvd");
  HugePagePool pool;
  pool.total = total ? Fact<std::uint64_t>{*total} : Fact<std::uint64_t>::missing(not_told);
  if (!total || !free || !reserved || *free > *total)
    pool.used = Fact<std::uint64_t>::missing(not_told);
  else if (*total == 0)
    pool.used = Fact<std::uint64_t>::missing("none are set aside");
  else
    pool.used = *total - *free + std::min(*reserved, *free);
  return pool;
}

std::uint64_t count_mappings(std::string_view maps) {
  std::uint64_t count = 0;
  while (!maps.empty()) {
    const auto mapping = parse_maps_line(take_line(maps));
    count += mapping && mapping->path != "[vsyscall]" ? 1 : 0;
  }
  return count;
}

std::uint64_t count_inotify_watches(std::string_view fdinfo) {
  std::uint64_t count = 0;
  while (!fdinfo.empty()) count += take_line(fdinfo).starts_with("inotify wd:") ? 1 : 0;
  return count;
}

std::optional<std::string_view> environment_value(std::string_view environment, std::string_view name) {
  while (!environment.empty()) {
    std::string_view variable = take_until(environment, '\0');
    if (take_until(variable, '=') == name) return variable;
  }
  return std::nullopt;
}

std::optional<CgroupLine> parse_cgroup_line(std::string_view line) {
  const std::string_view hierarchy = take_until(line, ':');
  const std::string_view controllers = take_until(line, ':');
  if (!to_number<std::uint32_t>(hierarchy) || !line.starts_with('/')) return std::nullopt;
  return CgroupLine{.unified = hierarchy == "0" && controllers.empty(), .controllers = controllers, .path = line};
}

std::optional<MountLine> parse_mount_line(std::string_view line) {
  static_cast<void>(take_word(line));  // its number,
  static_cast<void>(take_word(line));  // its parent's,
  static_cast<void>(take_word(line));  // the device
  MountLine mount;
  mount.root = without_octal_escapes(take_word(line));
  mount.point = without_octal_escapes(take_word(line));
  for (std::string_view word = take_word(line); word != "-"; word = take_word(line))
    if (word.empty()) return std::nullopt;
  mount.type = take_word(line);
  static_cast<void>(take_word(line));  // what is mounted
  mount.options = take_word(line);
  if (!mount.root.starts_with('/') || !mount.point.starts_with('/') || mount.type.empty()) return std::nullopt;
  return mount;
}

bool lists(std::string_view list, std::string_view word) noexcept {
  while (!list.empty())
    if (take_until(list, ',') == word) return true;
  return false;
}

}  // namespace ginnel::inventory
