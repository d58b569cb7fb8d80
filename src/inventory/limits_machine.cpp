#include <array>

#include "limits_parts.hpp"
#include "limits_text.hpp"

namespace ginnel::inventory {
namespace {

struct FixedLimit {
  std::string_view name;
  std::uint64_t value;
  std::string_view unit;
  std::string_view at_limit;
  std::string_view instead;
};

// Sources: unix(7), pipe(7), include/net/scm.h, include/linux/sem.h.
constexpr std::array fixed{
    FixedLimit{"SCM_MAX_FD", 253, "descriptors", "sendmsg with more of them in one message fails with EINVAL",
               "fixed; send several messages"},
    FixedLimit{"PIPE_BUF", 4096, "bytes", "a longer write to a pipe may be mixed with those of others",
               "fixed; lock, or use a message queue or a socket of packets"},
    FixedLimit{"sun_path", 108, "bytes", "a longer path does not fit into the address of a Unix socket",
               "fixed; use a shorter path, or bind below a working directory"},
    FixedLimit{"SEMVMX", 32767, "value", "semop and semctl fail with ERANGE",
               "fixed; count elsewhere, and let the semaphore only wake"},
};

Limit huge_pages() {
  std::string text;
  const auto proc = Directory::open("/proc");
  const bool told = proc && proc->read_file("meminfo", text);
  const HugePagePool pool = parse_huge_page_pool(told ? text : "");
  return {.name = "vm.nr_hugepages",
          .place = {},
          .scope = LimitScope::kernel,
          .value = pool.total,
          .used = pool.used,
          .unit = "huge pages",
          .at_limit = "mmap with MAP_HUGETLB and shmget with SHM_HUGETLB fail with ENOMEM",
          .raise = "sysctl -w vm.nr_hugepages=N",
          .estimate = {},
          .consumers = {}};
}

}  // namespace

std::vector<Limit> machine_limits() {
  std::vector<Limit> limits{huge_pages()};
  for (const FixedLimit& row : fixed)
    limits.push_back({.name = std::string{row.name},
                      .place = {},
                      .scope = LimitScope::kernel,
                      .value = row.value,
                      .used = Fact<std::uint64_t>::missing("bounds each by itself"),
                      .unit = row.unit,
                      .at_limit = row.at_limit,
                      .raise = std::string{row.instead},
                      .estimate = {},
                      .consumers = {}});
  return limits;
}

}  // namespace ginnel::inventory
