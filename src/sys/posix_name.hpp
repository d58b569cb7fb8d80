#pragma once

#include <string>
#include <string_view>

#include "ginnel/core/result.hpp"

namespace ginnel {

/// The name of a POSIX object: a slash, then 1 to `longest` bytes without a slash. Checked here because the C library
/// refuses each bad form with an errno of its own choice (EACCES for a second slash, ENOENT for none after the first).
/// Errors: EINVAL, ENAMETOOLONG. Source: mq_overview(7), sem_overview(7), shm_open(3).
[[nodiscard]] Result<void> check_posix_name(std::string_view operation, const std::string& name, std::size_t longest);

}  // namespace ginnel
