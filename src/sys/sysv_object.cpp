#include "sysv_object.hpp"

#include <unistd.h>

#include <cerrno>

namespace ginnel {

std::string sysv_object(AddressKind kind, std::optional<std::int32_t> key) {
  if (!key) return std::string{scheme(kind)} + ":private";
  Address address;
  address.kind = kind;
  address.sysv.key = key;
  return address.to_string();
}

std::string sysv_object(AddressKind kind, int id) {
  Address address;
  address.kind = kind;
  address.sysv.id = id;
  return address.to_string();
}

Result<void> check_sysv_key(std::string_view operation, const std::string& object, std::optional<std::int32_t> key) {
  if (key != IPC_PRIVATE) return {};
  return std::unexpected{Error{EINVAL, operation, object,
                               "key 0 is IPC_PRIVATE, which makes a new object each time; choose another key, or leave "
                               "it out for a private object"}};
}

Result<void> check_sysv_mode(std::string_view operation, const std::string& object, mode_t mode) {
  if ((mode & ~static_cast<mode_t>(0777)) == 0) return {};
  return std::unexpected{Error{EINVAL, operation, object, "the mode has more than permission bits"}};
}

Result<void> check_sysv_owner(std::string_view operation, const std::string& object, const ipc_perm& permissions) {
  // Its creator keeps the right to remove it and to change its mode, whoever owns it now.
  for (const uid_t uid : {permissions.cuid, permissions.uid})
    if (uid != ::geteuid() && uid != 0)
      return std::unexpected{Error{EEXIST, operation, object,
                                   "the existing object belongs to uid " + std::to_string(uid) +
                                       "; open it without creating if you trust that user"}};
  return {};
}

}  // namespace ginnel
