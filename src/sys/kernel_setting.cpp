#include "kernel_setting.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "ginnel/core/unique_fd.hpp"
#include "system_call.hpp"

namespace ginnel {
namespace {

std::string first_line(const std::string& path) {
  UniqueFd file{retry_interrupted([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC); })};
  if (!file.valid()) return "unknown";
  std::array<char, 256> text{};
  const ssize_t length = retry_interrupted([&] { return ::read(file.get(), text.data(), text.size()); });
  if (length <= 0) return "unknown";
  const std::string whole{text.data(), static_cast<std::size_t>(length)};
  return whole.substr(0, whole.find('\n'));
}

}  // namespace

std::string kernel_setting(std::string name) {
  const int saved = errno;
  std::string path = "/proc/sys/" + name;
  std::replace(path.begin() + 1, path.end(), '.', '/');
  name += ' ' + first_line(path);
  errno = saved;
  return name;
}

std::string process_limit(std::string name, __rlimit_resource resource) {
  const int saved = errno;
  rlimit limit{};
  if (::getrlimit(resource, &limit) < 0) {
    name += " unknown";
  } else {
    name += ' ' + (limit.rlim_cur == RLIM_INFINITY ? std::string{"unlimited"} : std::to_string(limit.rlim_cur));
  }
  errno = saved;
  return name;
}

}  // namespace ginnel
