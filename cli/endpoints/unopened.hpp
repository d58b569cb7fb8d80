#pragma once

#include "command.hpp"
#include "ginnel/core/address.hpp"
#include "ginnel/core/result.hpp"

namespace ginnel::cli {

/// How a verb ends that could not open what an address names: where there is no such thing with exit_nothing, and it says how one
/// comes to be; all else is a refusal, which is given back. Not for what the verb was to make itself.
[[nodiscard]] Result<int> unopened(const Verb& verb, const Address& address, const Error& error);

}  // namespace ginnel::cli
