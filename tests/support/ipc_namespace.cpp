#include "support/ipc_namespace.hpp"

#include <grp.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "support/child_process.hpp"

namespace ginnel::test {
namespace {

void require(bool succeeded, const char* what) {
  if (succeeded) return;
  std::perror(what);
  std::abort();
}

}  // namespace

bool ipc_namespace_possible() {
  return ::geteuid() == 0 && fork_child([](Ready) { ::_exit(::unshare(CLONE_NEWIPC) == 0 ? 0 : 1); }).wait().success();
}

void enter_new_ipc_namespace() { require(::unshare(CLONE_NEWIPC) == 0, "unshare CLONE_NEWIPC"); }

void set_kernel_setting(std::string name, const std::string& value) {
  std::replace(name.begin(), name.end(), '.', '/');
  std::ofstream file{"/proc/sys/" + name};
  file << value << std::flush;
  require(file.good(), name.c_str());
}

void become_user(unsigned uid) {
  require(::setgroups(0, nullptr) == 0 && ::setresgid(uid, uid, uid) == 0 && ::setresuid(uid, uid, uid) == 0,
          "setresuid");
}

}  // namespace ginnel::test
