#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <memory>

#include "ginnel/core/process_id.hpp"
#include "ginnel/sys/child.hpp"
#include "ginnel/sys/cross_memory.hpp"
#include "ginnel/sys/namespaces.hpp"
#include "ginnel/sys/pipeline.hpp"
#include "ginnel/sys/processors.hpp"
#include "ginnel/sys/signal.hpp"
#include "ginnel/sys/spawn.hpp"
#include "operations.hpp"
#include "support/child_process.hpp"

namespace ginnel::fault {
namespace {

/// It has come to its rest when this returns: what it calls before that would be taken for calls of the operation.
std::shared_ptr<test::ChildProcess> waiting_child() {
  auto child = std::make_shared<test::ChildProcess>(test::fork_child([](test::Ready ready) {
    ready.say();
    ready.stay();
  }));
  child->wait_until_ready();
  return child;
}

/// A started program is ended and collected before anybody counts what was left.
Attempt started(Result<Process> process) {
  const std::string text = report(process);
  if (!process) return {text};
  auto held = std::make_shared<Process>(std::move(*process));
  return {text, [held]() mutable {
            (void)held->signal(SIGKILL);
            (void)held->collect();
            held.reset();
          }};
}

/// Signals that an attempt has left in the queue would end the driver when their mask goes.
struct DrainedAtEnd {
  SignalReceiver receiver = must(SignalReceiver::create({SIGRTMIN}));
  DrainedAtEnd() = default;
  DrainedAtEnd(const DrainedAtEnd&) = delete;
  DrainedAtEnd& operator=(const DrainedAtEnd&) = delete;
  ~DrainedAtEnd() {
    while (must(receiver.receive(Deadline::immediately())).is<ReceivedSignal>()) {
    }
  }
};

}  // namespace

std::vector<Operation> process_operations() {
  return {
      {"Process::self", [] { return [] { return Attempt{report(Process::self())}; }; }},
      {"allowed_processors", [] { return [] { return Attempt{report(allowed_processors())}; }; }},
      {"pin_to_processor",
       [] {
         const int number = must(allowed_processors()).front().number;
         return [number] { return Attempt{report(pin_to_processor(number))}; };
       }},
      {"start_child",
       [] {
         return [] {
           return started(start_child([] {
             while (true) ::pause();
             return 0;
           }));
         };
       }},
      {"ProcessIdentity::self", [] { return [] { return Attempt{report(ProcessIdentity::self())}; }; }},
      {"Process::open",
       [] { return [child = waiting_child()] { return Attempt{report(Process::open(child->pid()))}; }; }},
      {"Process::open identity",
       [] {
         auto child = waiting_child();
         return [child, who = must(ProcessIdentity::of(child->pid()))] { return Attempt{report(Process::open(who))}; };
       }},
      {"Process::signal",
       [] { return [child = waiting_child()] { return Attempt{report(child->process().signal(0))}; }; }},
      {"Process::wait",
       [] {
         auto child = waiting_child();
         child->signal(SIGKILL);
         return [child] { return Attempt{report(child->process().wait())}; };
       }},
      {"spawn", [] { return [] { return started(spawn({"true"})); }; }},
      {"spawn and collect",
       [] {
         return [] {
           auto process = spawn({"true"});
           if (!process) return Attempt{report(process)};
           auto ended = process->collect();
           const std::string text = report(ended);
           return Attempt{text, [] {
                            while (::waitpid(-1, nullptr, 0) > 0) {
                            }
                          }};
         };
       }},
      {"spawn with descriptors",
       [] { return [] { return started(spawn({"true"}, {.descriptors = {{0, 1}, {1, 0}, {2, 7}}})); }; }},
      {"spawn that ends with its parent",
       [] { return [] { return started(spawn({"true"}, {.end_with_parent = true})); }; }},
      {"spawn in a new user namespace",
       [] { return [] { return started(spawn({"true"}, {.unshare_flags = CLONE_NEWUSER, .map_root_user = true})); }; }},
      {"run_in_namespace_of",
       [] {
         return [child = waiting_child()] {
           return started(run_in_namespace_of(child->process(), NamespaceKind::ipc, {"true"}));
         };
       }},
      {"Process::adopt",
       [] {
         return [child = waiting_child()] {
           UniqueFd copy{::dup(child->process().pollable())};
           if (!copy.valid()) return Attempt{report_error(Error::last("dup"))};
           return Attempt{report(Process::adopt(std::move(copy)))};
         };
       }},
      {"allow_access_by",
       [] { return [child = waiting_child()] { return Attempt{report(allow_access_by(child->process()))}; }; }},
      {"run_in_new_ipc_namespace", [] { return [] { return started(run_in_new_ipc_namespace({"true"})); }; }},
      {"namespace_identity",
       [] {
         return [child = waiting_child()] {
           return Attempt{report(namespace_identity(child->process(), NamespaceKind::ipc))};
         };
       }},
      {"own_namespace_identity",
       [] { return [] { return Attempt{report(own_namespace_identity(NamespaceKind::ipc))}; }; }},
      {"read_memory",
       [] {
         auto word = std::make_shared<long>(42);
         return [child = waiting_child(), word] {
           long copy = 0;
           return Attempt{report(read_memory(child->process(), reinterpret_cast<std::uintptr_t>(word.get()),
                                             std::as_writable_bytes(std::span{&copy, 1})))};
         };
       }},
      {"write_memory",
       [] {
         auto word = std::make_shared<long>(42);
         return [child = waiting_child(), word] {
           return Attempt{report(write_memory(child->process(), reinterpret_cast<std::uintptr_t>(word.get()),
                                              std::as_bytes(std::span{word.get(), 1})))};
         };
       }},
      {"send_signal",
       [] {
         return [child = waiting_child()] { return Attempt{report(send_signal(child->process(), SIGCHLD, 42))}; };
       }},
      {"SignalReceiver::create", [] { return [] { return Attempt{report(SignalReceiver::create({SIGRTMIN}))}; }; }},
      {"SignalReceiver::receive",
       [] {
         auto held = std::make_shared<DrainedAtEnd>();
         for (int i = 0; i < 2; ++i) (void)must(send_signal(must(Process::self()), SIGRTMIN, i));
         return [held] { return Attempt{report(held->receiver.receive())}; };
       }},
      {"signal_queue_use", [] { return [] { return Attempt{report(signal_queue_use())}; }; }},
      {"Pipeline::start",
       [] {
         return [] {
           auto pipeline = Pipeline::start({{"true"}, {"true"}, {"true"}});
           return Attempt{report(pipeline)};
         };
       }},
      {"Pipeline::wait",
       [] {
         return [] {
           auto pipeline = Pipeline::start({{"true"}, {"true"}});
           if (!pipeline) return Attempt{report(pipeline)};
           return Attempt{report(pipeline->wait())};
         };
       }},
      {"Pipeline::signal_all",
       [] {
         auto pipeline = std::make_shared<Pipeline>(must(Pipeline::start({{"cat", "/dev/zero"}, {"sleep", "1000"}})));
         return [pipeline] { return Attempt{report(pipeline->signal_all(SIGCONT))}; };
       }},
  };
}

}  // namespace ginnel::fault
