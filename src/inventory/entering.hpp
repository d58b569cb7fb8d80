#pragma once

#include <cerrno>
#include <span>
#include <utility>
#include <vector>

#include "ginnel/inventory/snapshot.hpp"

namespace ginnel::inventory {

/// The ways into one namespace, by the process that it was seen in; with `by_user_namespace` that of the process comes first,
/// in which its owner has every right.
/// Errors: ESRCH (that process has ended, or is in another namespace now), EACCES, EMFILE.
[[nodiscard]] Result<std::vector<UniqueFd>> ways_into(const NamespaceInfo& space, bool by_user_namespace);

/// Works in a namespace: the caller's own as it stands, another with the privilege for it, or as its owner.
/// `work` takes what run_inside() is to enter, nothing for the caller's own, and returns a Result.
template <class Work>
auto work_in(const NamespaceInfo& space, Work work) -> decltype(work(std::span<const int>{})) {
  if (space.own) return work(std::span<const int>{});
  const auto by = [&](bool user_namespace) -> decltype(work(std::span<const int>{})) {
    const auto ways = ways_into(space, user_namespace);
    if (!ways) return std::unexpected{ways.error()};
    std::vector<int> numbers;
    for (const UniqueFd& way : *ways) numbers.push_back(way.get());
    return work(std::span<const int>{numbers});
  };
  auto direct = by(false);
  if (direct || direct.error().code() != EPERM) return direct;
  auto as_owner = by(true);
  return as_owner ? std::move(as_owner) : std::move(direct);
}

}  // namespace ginnel::inventory
