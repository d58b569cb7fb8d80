#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "voice.hpp"

// What the parts of the applet ipcs have in common.

namespace ginnel::cli::ipcs {

inline constexpr Voice voice{"ipcs"};

enum class Kind { queue, segment, semaphore_set };
inline constexpr std::array all_kinds{Kind::queue, Kind::segment, Kind::semaphore_set};  // the order on paper

enum class Format { list, times, pids, creators, limits, summary };

/// How sizes are written: each as is usual where it stands, or all in bytes, or all rounded with a unit.
enum class Sizes { usual, bytes, human };

/// One line for each object. (ipcs_tables.cpp)
void print_table(Kind kind, Format format, Sizes sizes);
/// What the kernel allows. (ipcs_totals.cpp)
void print_limits(Kind kind, Sizes sizes);
/// What is in use. (ipcs_totals.cpp)
void print_summary(Kind kind, Sizes sizes);
/// All about one object; the exit code. (ipcs_object.cpp)
[[nodiscard]] int print_object(Kind kind, int id, Sizes sizes);

/// Says in place of a table that this kernel knows no such objects.
void tell_missing(Kind kind);

/// The name, or the number where it has none.
[[nodiscard]] std::string user_name(unsigned uid);
[[nodiscard]] std::string group_name(unsigned gid);
/// `Mon Nov 23 14:31:14 2026` in the user's time zone, or `Not set`.
[[nodiscard]] std::string long_time(std::int64_t seconds);
/// `Nov 23 14:31:14`, or `Not set`.
[[nodiscard]] std::string short_time(std::int64_t seconds);

}  // namespace ginnel::cli::ipcs
