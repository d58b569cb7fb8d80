#include "endpoints/patience.hpp"

#include <algorithm>
#include <cerrno>
#include <thread>

namespace ginnel::cli {
namespace {

using namespace std::chrono_literals;
constexpr auto grace = 1s;
constexpr Deadline::Clock::duration interval = 5ms;

}  // namespace

Patience::Patience(Deadline asked) noexcept
    : asked_for_{!asked.is_never() && !asked.is_immediate()},
      until_{asked.is_never() ? Deadline::after(grace) : asked} {}

bool Patience::is_absence(const Error& refusal) noexcept {
  return refusal.code() == ENOENT || refusal.code() == ECONNREFUSED;
}

bool Patience::may_retry(const Error& refusal) {
  if (!is_absence(refusal) || until_.passed()) return false;
  std::this_thread::sleep_for(std::min(interval, until_.remaining()));
  return true;
}

}  // namespace ginnel::cli
