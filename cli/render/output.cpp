#include "output.hpp"

#include <cerrno>
#include <cstdio>

namespace ginnel::cli {
namespace {

int first_failure = 0;  // an errno; of standard output there is one, so there is one of these

void keep(bool written) {
  if (!written && first_failure == 0) first_failure = errno;
}

}  // namespace

void put_text(std::string_view text) { keep(std::fwrite(text.data(), 1, text.size(), stdout) == text.size()); }

void note_text(std::string_view text) { (void)std::fwrite(text.data(), 1, text.size(), stderr); }

Result<void> output_written() {
  keep(std::fflush(stdout) == 0);
  if (first_failure != 0) return std::unexpected{Error{first_failure, "write", "standard output"}};
  return {};
}

}  // namespace ginnel::cli
