#include <fmt/core.h>
#include <unistd.h>
#include <array>
#include <chrono>
#include <csignal>
#include <limits>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "endpoints/unopened.hpp"
#include "foreground.hpp"
#include "ginnel/sys/posix_semaphore.hpp"
#include "ginnel/sys/spawn.hpp"
#include "ginnel/sys/sysv_semaphore.hpp"
#include "options.hpp"
#include "render/json.hpp"
#include "render/output.hpp"
#include "render/table.hpp"
#include "verbs.hpp"

// `ginnel sem`: takes, gives and shows semaphores of both families.

namespace ginnel::cli {
namespace {

using namespace std::chrono_literals;

/// A signal came before the command could be started.
struct Interrupted {
  int signal_number = 0;
};

struct SemArguments {
  std::string action;
  std::string address;
  std::optional<unsigned short> index;
  std::optional<short> change;
  bool json = false;
  WaitOptions wait;
};

int not_in_time(const SemArguments& arguments) { return nothing(sem_verb, arguments.address + ": not free in time"); }

int was_removed(const SemArguments& arguments) { return nothing(sem_verb, arguments.address + ": removed meanwhile"); }

/// Runs the command of `sem wait … -- COMMAND`, which must not go on when what it stands on has gone.
Result<int> run_holding(Foreground& foreground, const TrailingWords& command) {
  auto started = spawn(command, {.end_with_parent = true});
  if (!started) return std::unexpected{started.error()};
  return foreground.run_to_end(std::move(*started));
}

/// A unit taken by a process that a signal then ends is lost. So while a unit is to be given back, signals wait in `foreground`,
/// and the wait for the semaphore looks there from time to time.
Result<Outcome<Done, TimedOut, Interrupted>> wait_watching(PosixSemaphore& semaphore, Foreground& foreground,
                                                           Deadline deadline) {
  constexpr auto look_again = 50ms;
  while (true) {
    auto taken = semaphore.wait(deadline.sooner(Deadline::after(look_again)));
    if (!taken) return std::unexpected{taken.error()};
    if (taken->is<Done>()) return Done{};
    auto signal = foreground.interrupted();
    if (!signal) return std::unexpected{signal.error()};
    if (*signal) return Interrupted{**signal};
    if (deadline.passed()) return TimedOut{};
  }
}

Result<int> run_holding_posix(const SemArguments& arguments, PosixSemaphore& semaphore, Deadline deadline,
                              const TrailingWords& command) {
  std::optional<int> signal;
  {
    auto foreground = Foreground::begin();
    if (!foreground) return std::unexpected{foreground.error()};
    auto taken = wait_watching(semaphore, *foreground, deadline);
    if (!taken) return std::unexpected{taken.error()};
    if (taken->is<TimedOut>()) return not_in_time(arguments);
    if (taken->is<Done>()) {
      auto code = run_holding(*foreground, command);
      if (auto given = semaphore.post(); !given) return std::unexpected{given.error()};
      return code;
    }
    signal = taken->as<Interrupted>().signal_number;
  }
  // Signals reach ginnel again: the shell is to see which one it was.
  ::raise(*signal);
  return exit_nothing;
}

Result<int> wait_posix(const SemArguments& arguments, PosixSemaphore& semaphore, Deadline deadline,
                       const TrailingWords& command) {
  if (!command.empty()) return run_holding_posix(arguments, semaphore, deadline, command);
  auto taken = semaphore.wait(deadline);
  if (!taken) return std::unexpected{taken.error()};
  return taken->is<TimedOut>() ? not_in_time(arguments) : int{exit_done};
}

Result<int> run_posix(const SemArguments& arguments, const Address& address, const TrailingWords& command) {
  if (arguments.index || arguments.change)
    return std::unexpected{
        usage_error(arguments.address, "--index and --change are for sysv-sem: a POSIX semaphore is one, by one")};
  auto deadline = arguments.wait.deadline();
  if (!deadline) return std::unexpected{deadline.error()};
  auto semaphore = PosixSemaphore::open(address.name);
  if (!semaphore) return unopened(sem_verb, address, semaphore.error());

  if (arguments.action == "wait") return wait_posix(arguments, *semaphore, *deadline, command);
  if (arguments.action == "post") {
    if (auto posted = semaphore->post(); !posted) return std::unexpected{posted.error()};
    return exit_done;
  }
  auto value = semaphore->value();
  if (!value) return std::unexpected{value.error()};
  if (arguments.json)
    put_text(to_text(Json{{"address", address.to_string()}, {"value", *value}}));
  else
    put("{}\n", *value);
  return exit_done;
}

Result<std::optional<int>> operate(const SemArguments& arguments, SysvSemaphoreSet& set, SemaphoreStep step,
                                   Deadline deadline) {
  auto done = set.operate(std::array{step}, deadline);
  if (!done) return std::unexpected{done.error()};
  if (done->is<TimedOut>()) return not_in_time(arguments);
  if (done->is<Removed>()) return was_removed(arguments);
  return std::nullopt;
}

Result<int> wait_sysv(const SemArguments& arguments, SysvSemaphoreSet set, Deadline deadline,
                      const TrailingWords& command) {
  // With a command the kernel gives the units back should ginnel be killed. Without one they are to stay taken.
  const auto taken = static_cast<short>(arguments.change.value_or(1));
  const SemaphoreStep take{.index = arguments.index.value_or(0),
                           .change = static_cast<short>(-taken),
                           .undo = !command.empty() && taken != 0};
  auto ended = operate(arguments, set, take, deadline);
  if (!ended) return std::unexpected{ended.error()};
  if (*ended) return **ended;
  if (command.empty()) return exit_done;

  auto foreground = Foreground::begin();
  if (!foreground) return std::unexpected{foreground.error()};
  auto code = run_holding(*foreground, command);
  if (taken == 0) return code;
  const SemaphoreStep give{.index = take.index, .change = taken, .undo = true};
  ended = operate(arguments, set, give, Deadline::immediately());
  if (!ended) return std::unexpected{ended.error()};
  return *ended && code ? Result<int>{**ended} : code;
}

Result<int> tell_sysv(const SemArguments& arguments, const Address& address, const SysvSemaphoreSet& set) {
  std::vector<unsigned short> wanted;
  if (arguments.index) {
    wanted.push_back(*arguments.index);
  } else {
    auto statistics = set.statistics();
    if (!statistics) return std::unexpected{statistics.error()};
    for (std::size_t i = 0; i < statistics->count; ++i) wanted.push_back(static_cast<unsigned short>(i));
  }
  Json semaphores = Json::array();
  std::string lines;
  for (const unsigned short index : wanted) {
    auto status = set.status(index);
    if (!status) return std::unexpected{status.error()};
    lines += fmt::format("{}\n", status->value);
    semaphores.push_back({{"index", index},
                          {"value", status->value},
                          {"last_pid", status->last_pid},
                          {"waiting_for_increase", status->waiting_for_increase},
                          {"waiting_for_zero", status->waiting_for_zero}});
  }
  if (arguments.json)
    lines = to_text(Json{{"address", address.to_string()}, {"id", set.id()}, {"semaphores", std::move(semaphores)}});
  put_text(lines);
  return exit_done;
}

Result<int> run_sysv(const SemArguments& arguments, const Address& address, const TrailingWords& command) {
  if (arguments.change && (*arguments.change < 0 || (*arguments.change == 0 && arguments.action != "wait")))
    return std::unexpected{
        usage_error("--change", "write how many to take or give, 1 or more; 'wait --change 0' waits for the value 0")};
  auto deadline = arguments.wait.deadline();
  if (!deadline) return std::unexpected{deadline.error()};
  auto set = SysvSemaphoreSet::open(address.sysv);
  if (!set) return unopened(sem_verb, address, set.error());

  if (arguments.action == "wait") return wait_sysv(arguments, *set, *deadline, command);
  if (arguments.action == "value") return tell_sysv(arguments, address, *set);
  const SemaphoreStep give{.index = arguments.index.value_or(0), .change = arguments.change.value_or(1)};
  auto ended = operate(arguments, *set, give, Deadline::immediately());
  if (!ended) return std::unexpected{ended.error()};
  return ended->value_or(exit_done);
}

Result<int> run_sem(const SemArguments& arguments, const TrailingWords& command) {
  if (!command.empty() && arguments.action != "wait")
    return std::unexpected{usage_error(arguments.action, "only 'sem wait' runs a command")};
  auto address = Address::parse(arguments.address);
  if (!address) return std::unexpected{address.error()};
  if (address->kind == AddressKind::posix_semaphore) return run_posix(arguments, *address, command);
  if (address->kind == AddressKind::sysv_semaphore) return run_sysv(arguments, *address, command);
  return std::unexpected{
      usage_error(arguments.address, "not a semaphore: expected sem:/name, sysv-sem:0x1234 or sysv-sem:id=7")};
}

CommandRun define_sem(const VerbOptions& options) {
  auto arguments = std::make_shared<SemArguments>();
  options.add_option("ACTION", arguments->action, "wait (take one), post (give one) or value (print it)")
      .required()
      .one_of({"wait", "post", "value"});
  options.add_option("ADDRESS", arguments->address, "sem:/name, sysv-sem:0x1234 or sysv-sem:id=7").required();
  options.add_option("--index", arguments->index, "Which of a System V set (default 0; value: all of them)")
      .type_name("N");
  options.add_option("--change", arguments->change, "How many to take or give at once (System V)")
      .between(0, std::numeric_limits<short>::max())
      .type_name("N");
  arguments->wait.add_to(options);
  add_json_flag(options, arguments->json);
  return [arguments](const TrailingWords& command) { return run_sem(*arguments, command); };
}

}  // namespace

const Verb sem_verb{"sem", "Wait for, post and show semaphores",
                    "  ginnel mk sem:/gate --count 1; ginnel sem value sem:/gate\n"
                    "  ginnel sem wait sem:/gate --timeout 1s\n"
                    "  ginnel sem post sem:/gate\n"
                    "  ginnel sem wait sem:/gate -- sh -c 'echo one at a time'; ginnel rm sem:/gate\n"
                    "  ginnel mk sysv-sem:0x52 --count 2\n"
                    "  ginnel sem wait sysv-sem:0x52 --change 2 -- date; ginnel rm sysv-sem:0x52\n"
                    "\n"
                    "With '-- COMMAND' the unit is held while the command runs and given back after\n"
                    "it; the code is the command's. A System V semaphore is given back by the\n"
                    "kernel also when ginnel is killed (SEM_UNDO), and the command is killed then.\n"
                    "A POSIX semaphore knows no such thing: what a killed process took is lost.\n",
                    "[-- COMMAND [ARGUMENT]...]", define_sem};

}  // namespace ginnel::cli
