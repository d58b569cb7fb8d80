#include "memory_file.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <limits>
#include <string>

#include "cgroup_memory.hpp"
#include "ginnel/core/unique_fd.hpp"
#include "kernel_setting.hpp"
#include "system_call.hpp"

namespace ginnel {
namespace {

/// `MemAvailable:   24247940 kB`, as bytes.
std::uint64_t meminfo_field(std::string_view text, std::string_view label) {
  const auto at = text.find(label);
  if (at == std::string_view::npos) return 0;
  text.remove_prefix(at + label.size());
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  std::uint64_t kib = 0;
  std::from_chars(text.data(), text.data() + text.size(), kib);
  return kib << 10;
}

Result<void> check_room(int fd, Bytes size, Bytes unit, std::string_view object) {
  if (size.count() == 0)
    return std::unexpected{Error{EINVAL, "fallocate", object, "shared memory has at least one byte"}};

  rlimit limit{};
  ::getrlimit(RLIMIT_FSIZE, &limit);
  const std::uint64_t largest = std::min<std::uint64_t>(limit.rlim_cur, std::numeric_limits<off_t>::max());
  if (size.count() > largest)
    return std::unexpected{Error{EFBIG, "fallocate", object,
                                 size.to_string() + " is more than this process may make a file: " +
                                     process_limit("RLIMIT_FSIZE", RLIMIT_FSIZE) + "; raise it: ulimit -f"}};

  struct statfs fs{};
  if (retry_interrupted([&] { return ::fstatfs(fd, &fs); }) < 0) return std::unexpected{Error::last("fstatfs", object)};
  const bool bounded = fs.f_blocks != 0;  // a memfd's file system has no size of its own
  const Bytes free{static_cast<std::uint64_t>(fs.f_bavail) * static_cast<std::uint64_t>(fs.f_bsize)};
  if (bounded && size > free) return std::unexpected{Error{ENOSPC, "fallocate", object}};
  const bool from_a_pool = unit > Bytes{static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE))};  // huge pages are put by
  if (!from_a_pool && size > available_memory())
    return std::unexpected{Error{ENOMEM, "fallocate", object, memory_hint(size)}};
  return {};
}

}  // namespace

Bytes available_memory() noexcept {
  constexpr Bytes unknown{std::numeric_limits<std::uint64_t>::max()};
  UniqueFd file{retry_interrupted([] { return ::open("/proc/meminfo", O_RDONLY | O_CLOEXEC); })};
  if (!file.valid()) return unknown;
  std::array<char, 4096> text{};
  const ssize_t length = retry_interrupted([&] { return ::read(file.get(), text.data(), text.size()); });
  if (length <= 0) return unknown;
  const std::string_view fields{text.data(), static_cast<std::size_t>(length)};
  const std::uint64_t swap = meminfo_field(fields, "\nSwapFree:");
  const std::uint64_t sum = meminfo_field(fields, "\nMemAvailable:") + swap;
  const std::uint64_t left = cgroup_memory_left();
  const Bytes in_cgroup = left > unknown.count() - swap ? unknown : Bytes{left + swap};
  return sum == 0 ? in_cgroup : std::min(Bytes{sum}, in_cgroup);
}

std::string memory_hint(Bytes size) {
  return size.to_string() + " wanted, " + available_memory().to_string() +
         " of memory available on this machine and in its memory cgroup; see 'ginnel limits'";
}

Result<void> allocate_memory(int fd, Bytes size, Bytes unit, std::string_view object) {
  if (auto room = check_room(fd, size, unit, object); !room) return room;

  // A tmpfs of Linux 6.1 undoes the whole of an fallocate that a signal interrupts: under a steady fire of signals a large
  // one would start over for ever. Later kernels keep the signal waiting instead. So it goes in steps, which get smaller
  // until they fit between two signals.
  const std::uint64_t smallest = unit.count();
  const std::uint64_t largest = std::max(smallest, Bytes::mib(16).count());
  std::uint64_t step = largest;
  for (std::uint64_t done = 0; done < size.count();) {
    const std::uint64_t length = std::min(step, size.count() - done);
    if (::fallocate(fd, 0, static_cast<off_t>(done), static_cast<off_t>(length)) == 0) {
      done += length;
      step = std::min(step * 2, largest);
    } else if (errno == EINTR) {
      step = std::max(step / 2, smallest);
    } else {
      return std::unexpected{Error::last("fallocate", object)};
    }
  }
  return {};
}

Result<Bytes> file_size(int fd, std::string_view object) {
  struct stat status{};
  if (::fstat(fd, &status) < 0) return std::unexpected{Error::last("fstat", object)};
  return Bytes{static_cast<std::uint64_t>(status.st_size)};
}

}  // namespace ginnel
