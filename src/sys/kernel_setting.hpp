#pragma once

#include <sys/resource.h>

#include <string>

// Limits as they are now, for the hints of errors. Reading one never fails: what cannot be read is `unknown`.

namespace ginnel {

/// A sysctl by its name, with the name: `vm.max_map_count 65530`. Preserves errno. Source: proc(5), /proc/sys.
[[nodiscard]] std::string kernel_setting(std::string name);

/// This process's soft limit: `RLIMIT_AS 1048576`, or `RLIMIT_AS unlimited`. Preserves errno. Source: getrlimit(2).
[[nodiscard]] std::string process_limit(std::string name, __rlimit_resource resource);

}  // namespace ginnel
