#pragma once

#include <sys/ipc.h>

#include <string_view>

// The three kinds of System V objects, so that an applet can do the same to each. The functions are the system calls:
// -1 and errno where they fail.

namespace ginnel::cli {

struct SysvKind {
  std::string_view word;  ///< `shm`
  std::string_view description;
  int (*find)(key_t key);  ///< the id
  int (*remove)(int id);
  int (*highest_index)();  ///< of the kernel's table, or -1 when that is empty
  int (*id_at)(int index);
};

extern const SysvKind sysv_shm_kind;
extern const SysvKind sysv_msg_kind;
extern const SysvKind sysv_sem_kind;

/// By the word; null for any other.
[[nodiscard]] const SysvKind* sysv_kind_named(std::string_view word) noexcept;

}  // namespace ginnel::cli
