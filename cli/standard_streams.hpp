#pragma once

namespace ginnel::cli {

/// Takes the numbers 0, 1 and 2 where the caller has closed them (`<&-`), before any file is opened. Else a lock file or a
/// socket would get such a number, and what is printed would go into it. Reading and writing there fail with EBADF as they
/// would have, also in a command that is started.
void keep_closed_streams_closed() noexcept;

}  // namespace ginnel::cli
