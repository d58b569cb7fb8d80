#pragma once

#include <optional>
#include <string>

#include <sys/types.h>

#include "ginnel/core/address.hpp"
#include "ginnel/core/bytes.hpp"
#include "ginnel/core/outcome.hpp"
#include "ginnel/core/result.hpp"
#include "ginnel/sys/huge_pages.hpp"
#include "render/json.hpp"

namespace ginnel::cli {

/// What mk was asked for; each kind takes its own part of it and refuses the rest.
struct MakeRequest {
  std::optional<mode_t> mode;
  std::optional<long> messages;
  std::optional<unsigned> priorities;
  std::optional<Bytes> size;
  std::optional<unsigned> count;
  std::optional<HugePages> huge;
};

struct Made {
  Address address;        ///< as later commands name it
  std::optional<int> id;  ///< of a System V object
  Json facts;             ///< what it was made with
};

/// Makes what has a name: fifo, mq, sysv-msg, shm, sysv-shm, sem, sysv-sem, queue.
[[nodiscard]] Result<Made> make_object(const Address& address, const MakeRequest& request);

/// Removes what mk makes, and the path of a Unix socket that nobody has any more.
[[nodiscard]] Result<Outcome<Done, NotFound>> remove_object(const Address& address);

}  // namespace ginnel::cli
