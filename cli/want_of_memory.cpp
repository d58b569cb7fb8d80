#include "want_of_memory.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <exception>
#include <new>

#include "cleanup.hpp"
#include "verbs.hpp"

namespace ginnel::cli {
namespace {

std::terminate_handler terminate_before = nullptr;

[[noreturn]] void end_for_want_of_memory() noexcept {
  tell_want_of_memory();
  remove_registered_paths();
  ::_exit(exit_refused);  // nothing can be relied on to end in good order
}

bool is_want_of_memory(const std::exception_ptr& thrown) noexcept {
  if (!thrown) return ::operator new(4096, std::nothrow) == nullptr;  // there was no memory for the exception itself
  try {
    std::rethrow_exception(thrown);
  } catch (const std::bad_alloc&) {
    return true;
  } catch (...) {
    return false;
  }
}

[[noreturn]] void end_unless_broken() noexcept {
  if (is_want_of_memory(std::current_exception())) end_for_want_of_memory();
  terminate_before();
  ::_exit(exit_refused);  // it does not return
}

/// The objects of all files are made before main() is entered, and some of them take memory.
[[gnu::constructor(101)]] void answer_before_main() { std::set_new_handler(end_for_want_of_memory); }

}  // namespace

void tell_want_of_memory() noexcept {
  rlimit limit{};
  const bool is_limited = ::getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
  std::array<char, 256> text{};
  const int length =
      is_limited ? std::snprintf(text.data(), text.size(),
                                 "ginnel: ENOMEM: no memory or address space left (RLIMIT_AS %llu); raise it: ulimit -v\n",
                                 static_cast<unsigned long long>(limit.rlim_cur))
                 : std::snprintf(text.data(), text.size(),
                                 "ginnel: ENOMEM: no memory left (RLIMIT_AS unlimited): the machine's or the cgroup's is used "
                                 "up; see 'ginnel limits'\n");
  if (length > 0)
    [[maybe_unused]] const auto written =
        ::write(STDERR_FILENO, text.data(), std::min(static_cast<std::size_t>(length), text.size() - 1));
}

void have_want_of_memory_thrown() noexcept {
  terminate_before = std::set_terminate(end_unless_broken);
  std::set_new_handler(nullptr);
}

}  // namespace ginnel::cli
