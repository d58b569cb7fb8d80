#include "queue_sleepers.hpp"

#include <functional>

#include "ginnel/sys/blocked_call.hpp"
#include "ginnel/sys/directory.hpp"
#include "ginnel/sys/namespaces.hpp"
#include "proc_text.hpp"
#include "words.hpp"

namespace ginnel::inventory {
namespace {

/// A thread may be in an IPC namespace of its own.
bool sleeps_at(const Directory& thread, int id, std::uint64_t space, std::string& text) {
  if (!thread.read_file("syscall", text)) return false;
  const auto blocked = parse_blocked_call(text);
  if (!blocked || (blocked->call != BlockingCall::msgrcv && blocked->call != BlockingCall::msgsnd)) return false;
  if (static_cast<int>(blocked->arguments[0]) != id) return false;
  return thread.read_link("ns/ipc", text) && parse_bracketed(text) == space;
}

void for_each_number(Directory& folder, const std::function<void(const char*)>& found) {
  static_cast<void>(folder.for_each([&](const char* name, FileType) {
    if (to_number<pid_t>(name)) found(name);
    return true;
  }));
}

}  // namespace

std::size_t sleepers_at_queue(int id) {
  auto proc = Directory::open("/proc");
  const auto space = own_namespace_identity(NamespaceKind::ipc);
  if (!proc || !space) return 0;
  std::size_t sleepers = 0;
  std::string text;
  for_each_number(*proc, [&](const char* pid) {
    auto threads = proc->open_below((std::string{pid} + "/task").c_str());
    if (!threads) return;
    for_each_number(*threads, [&](const char* tid) {
      const auto thread = threads->open_below(tid);
      if (thread && sleeps_at(*thread, id, space->inode, text)) ++sleepers;
    });
  });
  return sleepers;
}

}  // namespace ginnel::inventory
