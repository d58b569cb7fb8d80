#pragma once

// The floor `core`: what every other floor is written in. Depends on libc and libstdc++ only.

#include "ginnel/core/address.hpp"
#include "ginnel/core/bytes.hpp"
#include "ginnel/core/deadline.hpp"
#include "ginnel/core/error.hpp"
#include "ginnel/core/outcome.hpp"
#include "ginnel/core/process_id.hpp"
#include "ginnel/core/result.hpp"
#include "ginnel/core/unique_fd.hpp"
