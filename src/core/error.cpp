#include "ginnel/core/error.hpp"

#include <cerrno>
#include <cstring>
#include <utility>

#include "descriptor_limit.hpp"

namespace ginnel {
namespace {

/// What is wrong and what can be done about it, where whoever met the error knew no more than its errno. A refusal for want of
/// something has the same cause and the same remedy in every call, and the system's text names neither.
std::string plain_cause(int code) {
  switch (code) {
    case EMFILE:
      return "this process has as many descriptors as it may, RLIMIT_NOFILE " + descriptor_limit() +
             ": close some, or allow it more with ulimit -n";
    case ENFILE:
      return "the system has as many open files as it may (sysctl fs.file-max), or of a pipe this user as much memory in "
             "pipes (fs.pipe-user-pages-hard)";
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
      break;
  }
  const char* description = ::strerrordesc_np(code);
  return description != nullptr ? description : "unknown error";
}

/// A name may have a newline in it, and what it names is then to stay on the one line.
std::string on_one_line(std::string object) {
  for (char& letter : object)
    if (static_cast<unsigned char>(letter) < ' ' || letter == '\x7f') letter = '?';
  return object;
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
  if (!object_.empty()) text.append(" ").append(on_one_line(object_));
  text.append(": ").append(errno_name(code_)).append(": ");
  return text.append(hint_.empty() ? plain_cause(code_) : hint_);
}

std::string errno_name(int code) {
  const char* name = ::strerrorname_np(code);
  return name != nullptr ? std::string{name} : "errno " + std::to_string(code);
}

}  // namespace ginnel
