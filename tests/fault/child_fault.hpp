#pragma once

namespace ginnel::fault {

/// Makes a system call fail in a child that the operation starts. strace counts the calls of each process by itself, so
/// that it would hit the parent's N-th call of that name too; a seccomp filter with a supervisor can tell them apart.
/// The child that becomes a program keeps the filter, and its calls are let through.
/// From GINNEL_FAULT_CHILD=CALL-NUMBER:ERRNO:CHILD:N, where CHILD counts the children of the attempt from 1. Without that
/// variable nothing is done. To be called by the thread that runs the operation. Source: seccomp_unotify(2).
void install_child_fault();

/// Children count, and calls fail, between these two only.
void begin_child_fault();
/// Says whether a call was made to fail.
[[nodiscard]] bool end_child_fault();

}  // namespace ginnel::fault
