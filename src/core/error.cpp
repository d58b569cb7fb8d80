#include "ginnel/core/error.hpp"

#include <cerrno>
#include <cstring>
#include <utility>

namespace ginnel {
namespace {

/// Of a refusal for want of something: which limit it is, and what can be done. What the system says names neither.
std::string_view limit_behind(int code) {
  switch (code) {
    case EMFILE:
      return "this process has no descriptor left (RLIMIT_NOFILE); close some, or raise it: ulimit -n";
    case ENFILE:
      return "the whole system has no open file left (fs.file-max); raise it with sysctl";
    case ENOMEM:
      return "no memory or address space left (RLIMIT_AS, vm.max_map_count, the memory of the machine or of the cgroup); "
             "see 'ginnel limits'";
    case ENOSPC:
      return "no block or no inode is free there (see df and df -i); remove what nobody uses, or give it more room";
    case EDQUOT:
      return "this user's share of that file system is used up (see quota); remove what nobody uses";
    case EFBIG:
      return "more than this process may make a file (RLIMIT_FSIZE); raise it: ulimit -f";
    default:
      return {};
  }
}

}  // namespace

Error Error::last(std::string_view operation, std::string_view object) {
  const int code = errno;
  return Error{code, operation, object};
}

Error Error::with_hint(std::string_view hint) && {
  hint_ = hint;
  return std::move(*this);
}

Error Error::with_object(std::string_view object) && {
  object_ = object;
  return std::move(*this);
}

std::string Error::message() const {
  std::string text = operation_;
  if (!object_.empty()) text.append(" ").append(object_);
  text.append(": ").append(errno_name(code_)).append(": ");
  if (!hint_.empty()) return text.append(hint_);
  if (const auto limit = limit_behind(code_); !limit.empty()) return text.append(limit);
  const char* description = ::strerrordesc_np(code_);
  return text.append(description != nullptr ? description : "unknown error");
}

std::string errno_name(int code) {
  const char* name = ::strerrorname_np(code);
  return name != nullptr ? std::string{name} : "errno " + std::to_string(code);
}

}  // namespace ginnel
