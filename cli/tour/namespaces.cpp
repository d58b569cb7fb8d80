#include "ginnel/sys/namespaces.hpp"

#include <algorithm>
#include <csignal>
#include <string>
#include <vector>

#include "ginnel/sys/pipe.hpp"
#include "ginnel/sys/sysv_queue.hpp"
#include "tour/stops.hpp"
#include "tour/streams.hpp"

// IPC namespaces: the System V objects and POSIX queues of one are not there for another.

namespace ginnel::cli::tour {
namespace {

ExitStatus wait_for_end(Process process) { return must_be<ExitStatus>(process.collect(patience())); }

/// What the command prints in a new IPC namespace.
std::string output_in_new_namespace(const Command& command) {
  Pipe output = must(Pipe::create());
  auto process =
      must(run_in_new_ipc_namespace(command, {.descriptors = {{output.write_end.get(), 1}}, .end_with_parent = true}));
  output.write_end.reset();
  const Message printed = read_to_end(output.read_end.get());
  (void)wait_for_end(std::move(process));
  return std::string{as_text(printed)};
}

std::size_t lines_of(const std::string& text) { return static_cast<std::size_t>(std::ranges::count(text, '\n')); }

}  // namespace

void visit_namespaces(Visit& visit) {
  auto outside = must(SysvQueue::create(visit.names().key()));
  const std::string inside = output_in_new_namespace({"cat", "/proc/sysvipc/msg"});
  visit.guarantee("a new one has none of our objects", judge_number("line, the title", 1, lines_of(inside)));
  must(outside.remove());

  Pipe input = must(Pipe::create());
  auto resident =
      must(run_in_new_ipc_namespace({"cat"}, {.descriptors = {{input.read_end.get(), 0}}, .end_with_parent = true}));
  const auto theirs = must(namespace_identity(resident, NamespaceKind::ipc));
  visit.guarantee("identities tell them apart",
                  judge_outcome("another identity", theirs != must(own_namespace_identity(NamespaceKind::ipc))));
  visit.time_round_trips(
      [] { (void)wait_for_end(must(run_in_new_ipc_namespace({"true"}, {.end_with_parent = true}))); });

  (void)must_be<Done>(resident.signal(SIGKILL));
  const auto ended = must_be<ExitStatus>(resident.collect(patience()));
  visit.at_peer_death("how it ended is told", judge_text("killed by SIGKILL", ended.to_string()));
  visit.at_peer_death("joining it is refused",
                      judge_outcome("a refusal", !run_in_namespace_of(resident, NamespaceKind::ipc, {"true"})));
}

}  // namespace ginnel::cli::tour
