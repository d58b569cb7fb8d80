#include "posix_name.hpp"

#include <cerrno>

namespace ginnel {

Result<void> check_posix_name(std::string_view operation, const std::string& name, std::size_t longest) {
  if (!name.starts_with('/'))
    return std::unexpected{Error{EINVAL, operation, name, "the name must begin with a slash, as in /jobs"}};
  const std::string_view rest = std::string_view{name}.substr(1);
  if (rest.empty()) return std::unexpected{Error{EINVAL, operation, name, "a name must follow the slash, as in /jobs"}};
  if (rest.find('/') != std::string_view::npos)
    return std::unexpected{
        Error{EINVAL, operation, name, "the name has one slash, at its beginning: it is not a path"}};
  if (rest == "." || rest == "..")
    return std::unexpected{Error{EINVAL, operation, name, "/. and /.. name directories"}};
  if (rest.find('\0') != std::string_view::npos)
    return std::unexpected{Error{EINVAL, operation, name, "the name contains a NUL byte"}};
  if (rest.size() > longest)
    return std::unexpected{Error{ENAMETOOLONG, operation, name,
                                 "the name has " + std::to_string(rest.size()) + " bytes after the slash; at most " +
                                     std::to_string(longest) + " are allowed"}};
  return {};
}

}  // namespace ginnel
