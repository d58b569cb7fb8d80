#pragma once

#include <sys/types.h>

namespace ginnel::test {

/// Returns once the process sleeps inside that system call (SYS_futex, SYS_flock, …): so that a test knows that its waiter
/// waits, which nothing the waiter could say beforehand tells. A watchdog of 30 s aborts the test.
/// Source: proc(5), /proc/PID/syscall.
void wait_until_blocked_in(pid_t pid, long system_call);

}  // namespace ginnel::test
