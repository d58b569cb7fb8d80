#include "cgroup_memory.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <climits>
#include <cstdio>
#include <limits>
#include <optional>
#include <span>
#include <string_view>

#include "ginnel/core/unique_fd.hpp"
#include "system_call.hpp"

namespace ginnel {
namespace {

constexpr std::uint64_t no_limit = std::numeric_limits<std::uint64_t>::max();

struct Version {
  const char* mounted_at;
  const char* limit;
  const char* used;
  std::string_view inactive;  ///< pages of files, which the kernel takes back before it refuses
  std::string_view active;
};
constexpr Version first{"/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file ",
                        "total_active_file "};
constexpr Version second{"/sys/fs/cgroup", "memory.max", "memory.current", "inactive_file ", "active_file "};

/// As much of a file as fits; nothing when it cannot be read.
std::string_view read_into(std::span<char> buffer, const char* path) noexcept {
  const UniqueFd file{retry_interrupted([&] { return ::open(path, O_RDONLY | O_CLOEXEC); })};
  if (!file.valid()) return {};
  const ssize_t length = retry_interrupted([&] { return ::read(file.get(), buffer.data(), buffer.size()); });
  return {buffer.data(), static_cast<std::size_t>(std::max<ssize_t>(length, 0))};
}

/// None for `max`, and for what is no number.
std::optional<std::uint64_t> number_in(std::string_view text) noexcept {
  std::uint64_t number = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
  return fault == std::errc{} ? std::optional{number} : std::nullopt;
}

std::uint64_t field(std::string_view text, std::string_view name) noexcept {
  for (std::size_t at = text.find(name); at != std::string_view::npos; at = text.find(name, at + 1))
    if (at == 0 || text[at - 1] == '\n') return number_in(text.substr(at + name.size())).value_or(0);
  return 0;
}

/// Of one cgroup.
std::uint64_t left_in(const Version& version, std::string_view path) noexcept {
  std::array<char, 8192> text{};
  std::array<char, PATH_MAX> name{};
  const auto content = [&](const char* file) {
    std::snprintf(name.data(), name.size(), "%s%.*s/%s", version.mounted_at, static_cast<int>(path.size()), path.data(), file);
    return read_into(text, name.data());
  };
  const auto limit = number_in(content(version.limit));
  if (!limit) return no_limit;
  const auto used = number_in(content(version.used));
  if (!used) return no_limit;
  const std::string_view statistics = content("memory.stat");
  const std::uint64_t files = field(statistics, version.inactive) + field(statistics, version.active);
  const std::uint64_t kept = *used - std::min(*used, files);
  return *limit - std::min(*limit, kept);
}

/// `0::/user.slice`, `4:memory:/jobs`: the version, and the path.
const Version* parse_line(std::string_view line, std::string_view& path) noexcept {
  const auto controllers_at = line.find(':');
  const auto path_at = controllers_at == std::string_view::npos ? controllers_at : line.find(':', controllers_at + 1);
  if (path_at == std::string_view::npos) return nullptr;
  path = line.substr(path_at + 1);
  std::string_view controllers = line.substr(controllers_at + 1, path_at - controllers_at - 1);
  if (controllers.empty()) return &second;
  while (!controllers.empty()) {
    const auto comma = std::min(controllers.find(','), controllers.size());
    if (controllers.substr(0, comma) == "memory") return &first;
    controllers.remove_prefix(std::min(comma + 1, controllers.size()));
  }
  return nullptr;
}

}  // namespace

std::uint64_t cgroup_memory_left() noexcept {
  std::array<char, 8192> text{};
  std::string_view lines = read_into(text, "/proc/self/cgroup");
  std::uint64_t left = no_limit;
  while (!lines.empty()) {
    const auto end = std::min(lines.find('\n'), lines.size());
    std::string_view path;
    const Version* const version = parse_line(lines.substr(0, end), path);
    lines.remove_prefix(std::min(end + 1, lines.size()));
    if (version == nullptr) continue;
    // From the cgroup itself up to the root of what is mounted, which in a container may be the cgroup itself.
    if (path == "/") path = {};
    for (;; path = path.substr(0, path.rfind('/'))) {
      left = std::min(left, left_in(*version, path));
      if (path.empty() || path.find('/') == std::string_view::npos) break;
    }
  }
  return left;
}

}  // namespace ginnel
