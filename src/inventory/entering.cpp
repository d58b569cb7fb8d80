#include "entering.hpp"

#include "ginnel/core/process_id.hpp"
#include "ginnel/sys/directory.hpp"
#include "ginnel/sys/namespaces.hpp"

namespace ginnel::inventory {

Result<std::vector<UniqueFd>> ways_into(const NamespaceInfo& space, bool by_user_namespace) {
  auto process = Process::open(space.member);
  if (!process) return std::unexpected{process.error()};
  std::vector<UniqueFd> ways;
  if (by_user_namespace) {
    auto owner = open_namespace(*process, NamespaceKind::user);
    if (!owner) return std::unexpected{owner.error()};
    ways.push_back(std::move(*owner));
  }
  auto way = open_namespace(*process, space.kind);
  if (!way) return std::unexpected{way.error()};
  const auto status = file_status(way->get());
  if (!status) return std::unexpected{status.error()};
  if (status->inode != space.inode)
    return std::unexpected{
        Error{ESRCH, "open", "namespace " + std::to_string(space.inode), "the process it was seen in has left it"}};
  ways.push_back(std::move(*way));
  return ways;
}

}  // namespace ginnel::inventory
