#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

// What the targets share. A target takes any bytes as one text of the kernel and gives them to all that parse such a text: they
// may refuse it, but not read beyond it, overflow, throw or hang.

/// libFuzzer calls it with what it makes up, and feed.cpp with the files that are kept.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size);

namespace ginnel::fuzz {

/// A promise that holds for every input.
inline void insist(bool holds) {
  if (!holds) std::abort();
}

inline std::string_view text_of(const std::uint8_t* bytes, std::size_t size) {
  // allowed: the fuzzer's interface has unsigned bytes, and the parsers take text
  return {reinterpret_cast<const char*>(bytes), size};
}

/// Whether what a parser gave is a part of what it was given.
inline bool is_within(std::string_view part, std::string_view whole) {
  return part.empty() || (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

}  // namespace ginnel::fuzz
