#include "owned_file.hpp"

#include <cerrno>

namespace ginnel::detail {

Result<RangeLocks> take_ownership(UniqueFd file) {
  RangeLocks locks = RangeLocks::adopt(std::move(file));
  const auto locked = locks.lock(owner_range, LockMode::exclusive, Deadline::immediately());
  if (!locked) return std::unexpected{locked.error()};
  if (!locked->is<Done>()) return std::unexpected{Error{EBUSY, "lock", "a new file", "somebody else has locked it"}};
  return locks;
}

bool owner_is_gone(const RangeLocks& file, const OwnerStamp& owner) {
  const auto conflict = file.conflict(owner_range, LockMode::exclusive);
  if (!conflict) return false;
  return !conflict->has_value() || has_ended(owner);
}

}  // namespace ginnel::detail
