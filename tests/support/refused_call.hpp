#pragma once

namespace ginnel::test {

/// From here on this process and its children are refused a system call with that errno, as by the filter of a container
/// runtime. It cannot be taken back: for processes that end with the test.
void refuse_system_call(unsigned number, int code);

}  // namespace ginnel::test
