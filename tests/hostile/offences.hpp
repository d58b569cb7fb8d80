#pragma once

#include <algorithm>
#include <cerrno>
#include <initializer_list>
#include <string>

#include "ginnel/core/error.hpp"
#include "hostile/victim.hpp"

namespace ginnel::hostile {

/// What a victim may be told of a peer that breaks the rules: one of these codes, and whose doing it is.
inline void expect_offence(const Scene& scene, const Error& error, std::initializer_list<int> codes,
                           const std::string& offender) {
  ++scene.ledger.refusals;
  const std::string message = error.message();
  if (std::ranges::find(codes, error.code()) == codes.end())
    scene.ledger.contradict("an error that is none of the peer's doing: " + message);
  if (message.find(offender) == std::string::npos)
    scene.ledger.contradict("an error does not name " + offender + ": " + message);
}

}  // namespace ginnel::hostile
