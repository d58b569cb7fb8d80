#include <array>
#include <map>

#include "limits_parts.hpp"
#include "limits_text.hpp"
#include "proc_text.hpp"
#include "words.hpp"

namespace ginnel::inventory {
namespace {

constexpr std::string_view not_readable = "another user's process";

/// The process, and its texts that several limits are read from.
struct Reading {
  const Viewpoint& here;
  const Directory& folder;
  std::string limits;
  std::string status;
};

struct ResourceLimit {
  std::string_view name;
  std::string_view title;  ///< in /proc/PID/limits
  LimitScope scope;
  std::string_view unit;
  std::string_view at_limit;
  std::string_view raise;
  Use (*use)(const Reading&);
};

Use from_status(const Reading& reading, std::string_view key) {
  const auto bytes = parse_kilobytes(reading.status, key);
  return {.amount = bytes ? Fact<std::uint64_t>{*bytes} : Fact<std::uint64_t>::missing(not_told)};
}

/// `socket:[81234]` and the like, without what tells one from the other.
std::string kind_of_target(std::string_view target) {
  if (target.starts_with("/memfd:")) return "memfd";
  if (target.starts_with("/dev/")) return "device";
  if (target.starts_with('/')) return "file";
  if (target.starts_with("anon_inode:")) target.remove_prefix(std::string_view{"anon_inode:"}.size());
  if (target.starts_with('[')) return std::string{target.substr(1, target.find(']') - 1)};
  return std::string{take_until(target, ':')};
}

/// The kernel refuses once every number below the limit is taken; those above it, from before it was lowered, do not count.
Use used_descriptors(const Reading& reading) {
  auto table = reading.folder.open_below("fd");
  if (!table) return {.amount = Fact<std::uint64_t>::missing(not_readable)};
  const auto limit = parse_process_limit(reading.limits, "Max open files");
  Tally tally;
  std::string target;
  const auto listed = table->for_each([&](const char* name, FileType) {
    const auto fd = to_number<std::uint64_t>(name);
    if (fd && (!limit || *fd < *limit)) tally.add(table->read_link(name, target) ? kind_of_target(target) : "other", 1);
    return true;
  });
  if (!listed) return {.amount = Fact<std::uint64_t>::missing(not_readable)};
  return {.amount = tally.total(), .consumers = tally.largest_first()};
}

Use used_signals(const Reading& reading) {
  const auto queued = parse_status(reading.status).queued;
  return {.amount = queued ? Fact<std::uint64_t>{*queued} : Fact<std::uint64_t>::missing(not_told),
          .consumers = used_pending_signals(reading.here).consumers};
}

constexpr std::array table{
    ResourceLimit{"RLIMIT_NOFILE", "Max open files", LimitScope::process, "descriptors",
                  "every call that makes a descriptor fails with EMFILE",
                  "ulimit -n N before the program starts; in a service LimitNOFILE=N", used_descriptors},
    ResourceLimit{"RLIMIT_MSGQUEUE", "Max msgqueue size", LimitScope::user, "bytes", "mq_open fails with EMFILE",
                  "ulimit -q BYTES before the program starts; in a service LimitMSGQUEUE=BYTES",
                  [](const Reading& reading) { return used_queue_bytes(reading.here); }},
    ResourceLimit{"RLIMIT_SIGPENDING", "Max pending signals", LimitScope::user, "signals",
                  "sigqueue and timer_create fail with EAGAIN; kill still brings one of each number through",
                  "ulimit -i N before the program starts; in a service LimitSIGPENDING=N", used_signals},
    ResourceLimit{"RLIMIT_NPROC", "Max processes", LimitScope::user, "threads",
                  "fork and clone fail with EAGAIN; not for CAP_SYS_RESOURCE and CAP_SYS_ADMIN",
                  "ulimit -u N before the program starts; in a service LimitNPROC=N",
                  [](const Reading& reading) { return used_user_threads(reading.here); }},
    ResourceLimit{"descriptors in flight", "Max open files", LimitScope::user, "descriptors",
                  "sendmsg with SCM_RIGHTS fails with ETOOMANYREFS; not for CAP_SYS_RESOURCE and CAP_SYS_ADMIN",
                  "let the receivers receive, or raise RLIMIT_NOFILE of the sender",
                  [](const Reading& reading) { return used_in_flight(reading.here); }},
    ResourceLimit{"RLIMIT_MEMLOCK", "Max locked memory", LimitScope::process, "bytes",
                  "mlock fails with ENOMEM, mmap with MAP_LOCKED with EAGAIN; not for CAP_IPC_LOCK",
                  "ulimit -l KIB before the program starts; in a service LimitMEMLOCK=BYTES",
                  [](const Reading& reading) { return from_status(reading, "VmLck"); }},
    ResourceLimit{"RLIMIT_AS", "Max address space", LimitScope::process, "bytes", "mmap and shmat fail with ENOMEM",
                  "ulimit -v KIB before the program starts; in a service LimitAS=BYTES",
                  [](const Reading& reading) { return from_status(reading, "VmSize"); }},
    ResourceLimit{"RLIMIT_FSIZE", "Max file size", LimitScope::process, "bytes",
                  "ftruncate and write beyond it fail with EFBIG, and SIGXFSZ is sent",
                  "ulimit -f KIB before the program starts; in a service LimitFSIZE=BYTES",
                  [](const Reading&) { return Use{.amount = Fact<std::uint64_t>::missing("bounds each by itself")}; }},
};

Limit limit_of(const ResourceLimit& row, const Reading& reading) {
  Use use = row.use(reading);
  return {.name = std::string{row.name},
          .place = {},
          .scope = row.scope,
          .value = parse_process_limit(reading.limits, row.title),
          .used = use.amount,
          .unit = row.unit,
          .at_limit = row.at_limit,
          .raise = std::string{row.raise},
          .estimate = use.estimate,
          .consumers = std::move(use.consumers)};
}

Limit mappings(const Reading& reading) {
  std::string text;
  const auto settings = Directory::open("/proc/sys/vm");
  const bool told = settings && settings->read_file("max_map_count", text);
  Limit limit{.name = "vm.max_map_count",
              .place = {},
              .scope = LimitScope::process,
              .value = parse_setting(told ? text : ""),
              .used = Fact<std::uint64_t>::missing(not_readable),
              .unit = "mappings",
              .at_limit = "mmap, mprotect and shmat fail with ENOMEM",
              .raise = "sysctl -w vm.max_map_count=N",
              .estimate = {},
              .consumers = {}};
  if (reading.folder.read_file("maps", text)) limit.used = count_mappings(text);
  return limit;
}

}  // namespace

std::vector<Limit> process_limits(const Viewpoint& here, const Directory& folder) {
  Reading reading{.here = here, .folder = folder, .limits = {}, .status = {}};
  // What cannot be read stays empty, and each limit says that it was not told.
  static_cast<void>(folder.read_file("limits", reading.limits));
  static_cast<void>(folder.read_file("status", reading.status));
  std::vector<Limit> limits;
  for (const ResourceLimit& row : table) limits.push_back(limit_of(row, reading));
  limits.push_back(mappings(reading));
  return limits;
}

}  // namespace ginnel::inventory
