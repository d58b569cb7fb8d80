#include "recyclers.hpp"

#include <algorithm>
#include <array>

namespace ginnel::inventory {
namespace {

constexpr std::uint32_t private_mode = 0600;

std::string_view last_part(std::string_view name) noexcept { return name.substr(name.rfind('/') + 1); }

/// PGShmemHeader is 56 bytes on 64-bit machines, and the segment holds nothing else since PostgreSQL 9.3: it only keeps two
/// servers from one data directory. Source: PostgreSQL, src/include/storage/pg_shmem.h.
bool is_postgresql_segment(const Object& object) {
  constexpr std::uint64_t header_bytes = 56;
  return object.id.kind == Kind::sysv_shm && object.fill && object.fill->capacity.value_or(0) == header_bytes &&
         object.mode.value_or(0) == private_mode;
}

/// 16 semaphores and one that marks the set as PostgreSQL's; 19 and one since version 18. Builds for Linux use them only
/// when told to, or before version 10. Source: PostgreSQL, src/backend/port/sysv_sema.c.
bool is_postgresql_semaphores(const Object& object) {
  const Detail* count = object.detail("nsems");
  return object.id.kind == Kind::sysv_semaphore && count != nullptr && (count->value == "17" || count->value == "20") &&
         object.mode.value_or(0) == private_mode;
}

bool is_postgresql_memory(const Object& object) {
  return object.id.kind == Kind::posix_shm && last_part(object.name).starts_with("PostgreSQL.");
}

bool is_postgresql_socket(const Object& object) {
  return object.id.kind == Kind::unix_socket && last_part(object.name).starts_with(".s.PGSQL.");
}

bool is_x_socket(const Object& object) {
  return object.id.kind == Kind::unix_socket && object.name.contains("/.X11-unix/X");
}

struct Known {
  bool (*is)(const Object&);
  Recycler recycler;
};
constexpr std::string_view inode_key = "PostgreSQL takes the inode number of its data directory as the key";

constexpr std::array known{
    Known{is_postgresql_segment,
          {.program = "PostgreSQL",
           .command = "postgres",
           .by = "its 56 bytes and its mode 600",
           .does = "keeps it while it is down and recycles it at its next start",
           .check = inode_key}},
    Known{is_postgresql_semaphores,
          {.program = "PostgreSQL",
           .command = "postgres",
           .by = "its number of semaphores and its mode 600",
           .does = "keeps it while it is down and recycles it at its next start",
           .check = inode_key}},
    Known{is_postgresql_memory,
          {.program = "PostgreSQL",
           .command = "postgres",
           .by = "its name",
           .does = "removes it at its next start",
           .check = {}}},
    Known{is_postgresql_socket,
          {.program = "PostgreSQL",
           .command = "postgres",
           .by = "its name",
           .does = "replaces it at its next start",
           .check = {}}},
    Known{is_x_socket,
          {.program = "the X server",
           .command = "Xorg",
           .by = "its name",
           .does = "replaces it at its next start",
           .check = {}}},
};

}  // namespace

const Recycler* recycler_of(const Object& object) {
  const auto* const found = std::ranges::find_if(known, [&](const Known& one) { return one.is(object); });
  return found == known.end() ? nullptr : &found->recycler;
}

}  // namespace ginnel::inventory
