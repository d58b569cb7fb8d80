#include "endpoints/patience.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <thread>

namespace ginnel::cli {
namespace {

using namespace std::chrono_literals;
constexpr auto grace = 1s;
constexpr Deadline::Clock::duration interval = 5ms;

}  // namespace

Deadline Patience::limit_of(Deadline asked) noexcept { return asked.is_never() ? Deadline::after(grace) : asked; }

bool Patience::is_absence(const Error& refusal, const Address& address) noexcept {
  if (refusal.code() == ENOENT) return true;
  if (refusal.code() != ECONNREFUSED) return false;
  // So is a connection to a file that is no socket, and waiting would make none of it.
  struct stat status{};
  return address.name.starts_with('@') || ::stat(address.name.c_str(), &status) < 0 || S_ISSOCK(status.st_mode);
}

bool Patience::may_retry(const Error& refusal) {
  if (!is_absence(refusal, address_) || until_.passed()) return false;
  std::this_thread::sleep_for(std::min(interval, until_.remaining()));
  return true;
}

}  // namespace ginnel::cli
