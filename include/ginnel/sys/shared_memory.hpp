#pragma once

// Shared memory of the three kinds. All of it is allocated when it is created, so that no touch of it can ever raise
// SIGBUS for want of space: a full /dev/shm is ENOSPC here, and no half-made object keeps a name.

#include "ginnel/sys/copy_from_shared.hpp"
#include "ginnel/sys/huge_pages.hpp"
#include "ginnel/sys/mapping.hpp"
#include "ginnel/sys/memfd.hpp"
#include "ginnel/sys/posix_shm.hpp"
#include "ginnel/sys/sysv_shm.hpp"
