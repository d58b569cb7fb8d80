#include <grp.h>
#include <pwd.h>

#include <ctime>

#include "ipcs.hpp"

namespace ginnel::cli::ipcs {

void tell_missing(Kind kind) {
  switch (kind) {
    case Kind::queue:
      return put("kernel not configured for message queues\n");
    case Kind::segment:
      return put("kernel not configured for shared memory\n");
    case Kind::semaphore_set:
      return put("kernel not configured for semaphores\n");
  }
}

std::string user_name(unsigned uid) {
  const passwd* user = ::getpwuid(uid);
  return user != nullptr ? user->pw_name : std::to_string(uid);
}

std::string group_name(unsigned gid) {
  const group* entry = ::getgrgid(gid);
  return entry != nullptr ? entry->gr_name : std::to_string(gid);
}

std::string long_time(std::int64_t seconds) {
  if (seconds == 0) return "Not set";
  const std::time_t moment = seconds;
  char text[26];  // what ctime_r(3) asks for: a text of fixed form in English, whatever the locale
  if (::ctime_r(&moment, text) == nullptr) return "";
  return std::string{text, 24};
}

std::string short_time(std::int64_t seconds) {
  if (seconds == 0) return "Not set";
  const std::string text = long_time(seconds);
  return text.size() < 19 ? text : text.substr(4, 15);
}

}  // namespace ginnel::cli::ipcs
