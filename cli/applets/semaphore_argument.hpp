#pragma once

#include <sys/sem.h>

namespace ginnel::cli {

/// The last argument of semctl(2), which leaves it to the caller to define.
union SemaphoreArgument {
  int value;
  semid_ds* set;
  seminfo* info;
};

}  // namespace ginnel::cli
