#include "child_fault.hpp"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

#include "operations.hpp"

namespace ginnel::fault {
namespace {

struct Wanted {
  unsigned call = 0;
  int code = 0;
  std::size_t child = 0;
  int ordinal = 0;
};

std::atomic<bool> inside{false};
std::atomic<bool> hit{false};
std::atomic<int> listener{-1};

/// Every call of that number by the calling thread, and by what it starts, waits for the supervisor from here on.
int install_filter(unsigned call) {
  std::array filter{
      sock_filter(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr))),
      sock_filter(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1)),
      sock_filter(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF)),
      sock_filter(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)),
  };
  const sock_fprog program{.len = filter.size(), .filter = filter.data()};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) give_up("prctl PR_SET_NO_NEW_PRIVS");
  return static_cast<int>(::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program));
}

struct CallsOf {
  pid_t child;
  int count;
};

/// Whether this call of a child is the one.
bool is_wanted(const Wanted& wanted, pid_t caller, std::vector<CallsOf>& children) {
  if (!inside.load() || caller == ::getpid()) return false;
  auto known = std::find_if(children.begin(), children.end(), [&](const CallsOf& c) { return c.child == caller; });
  if (known == children.end()) known = children.insert(known, {caller, 0});
  ++known->count;
  return static_cast<std::size_t>(known - children.begin()) + 1 == wanted.child && known->count == wanted.ordinal;
}

[[noreturn]] void supervise(Wanted wanted) {
  listener.wait(-1);
  std::vector<CallsOf> children;
  while (true) {
    seccomp_notif asked{};
    if (::ioctl(listener.load(), SECCOMP_IOCTL_NOTIF_RECV, &asked) < 0)
      continue;  // interrupted, or the caller was killed
    seccomp_notif_resp answer{};
    answer.id = asked.id;
    if (is_wanted(wanted, static_cast<pid_t>(asked.pid), children)) {
      answer.error = -wanted.code;
      hit.store(true);
    } else {
      answer.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
    }
    ::ioctl(listener.load(), SECCOMP_IOCTL_NOTIF_SEND, &answer);
  }
}

}  // namespace

void install_child_fault() {
  const char* text = std::getenv("GINNEL_FAULT_CHILD");
  if (text == nullptr) return;
  Wanted wanted;
  if (std::sscanf(text, "%u:%d:%zu:%d", &wanted.call, &wanted.code, &wanted.child, &wanted.ordinal) != 4)
    give_up("GINNEL_FAULT_CHILD is CALL-NUMBER:ERRNO:CHILD:N");
  std::thread{supervise, wanted}.detach();  // for as long as the driver lives: a filter cannot be taken away
  const int fd = install_filter(wanted.call);
  if (fd < 0) give_up("no seccomp filter with a listener can be installed here");
  listener.store(fd);
  listener.notify_one();
}

void begin_child_fault() { inside.store(true); }

bool end_child_fault() {
  inside.store(false);
  return hit.load();
}

}  // namespace ginnel::fault
