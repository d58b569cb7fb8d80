#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>
#include <charconv>
#include <csignal>
#include <cstring>
#include <fstream>
#include <memory>
#include <optional>

#include "ginnel/sys/signal.hpp"
#include "options.hpp"
#include "render/json.hpp"
#include "render/output.hpp"
#include "render/table.hpp"
#include "verbs.hpp"

// `ginnel signal`: sends a signal, with a value where asked, to a process and to no later owner of its number.

namespace ginnel::cli {
namespace {

struct SignalArguments {
  std::string target;
  std::string signal;
  std::optional<int> value;
  bool wait_exit = false;
  bool list = false;
  bool json = false;
  WaitOptions wait;
};

Result<pid_t> parse_target(const std::string& text) {
  pid_t pid = 0;
  const auto [rest, fault] = std::from_chars(text.data(), text.data() + text.size(), pid);
  if (fault == std::errc{} && rest == text.data() + text.size() && pid > 0) return pid;
  auto address = Address::parse(text);
  if (address && (address->kind == AddressKind::process || address->kind == AddressKind::signal)) return address->pid;
  return std::unexpected{usage_error(text, "expected a process: 1234, pid:1234 or signal:1234")};
}

int tell_gone(pid_t pid) { return nothing(signal_verb, fmt::format("pid {}: no such process, or it has ended", pid)); }

/// The receiver's own: `SigQ: queued/limit` of its status.
std::string queue_limit(pid_t pid) {
  std::ifstream status{fmt::format("/proc/{}/status", pid)};
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("SigQ:")) return fmt::format(" (RLIMIT_SIGPENDING {})", line.substr(line.find('/') + 1));
  return "";
}

int tell_queue_full(pid_t pid) {
  return nothing(signal_verb,
                 fmt::format("pid {}: not sent: its user's queue of signals is full{}; retry when some have been "
                             "received, or raise its limit with prlimit(1) --sigpending",
                             pid, queue_limit(pid)));
}

Error explained(const Error& error, pid_t pid) {
  if (error.code() != EPERM) return error;
  struct stat status{};
  const bool known = ::stat(fmt::format("/proc/{}", pid).c_str(), &status) == 0;
  return Error{error}.with_hint(
      known ? fmt::format("it belongs to uid {} and you are uid {}: send as that user or as root", status.st_uid,
                          ::geteuid())
            : "it belongs to another user: send as that user or as root");
}

/// A real-time signal is always queued, even without a value: sent as kill(2) does, it would be merged in silence once the queue is full.
Result<Outcome<Done, PeerGone, QueueFull>> send_to(const Process& process, int number, std::optional<int> value) {
  if (value || number >= SIGRTMIN) return send_signal(process, number, value.value_or(0));
  auto sent = process.signal(number);
  if (!sent) return std::unexpected{sent.error()};
  if (sent->is<PeerGone>()) return PeerGone{};
  return Done{};
}

int list_signals(bool json) {
  Table table{{{"number", Align::right}, {"name"}, {"meaning", Align::left, true}}};
  Json all = Json::array();
  for (int number = 1; number <= SIGRTMAX; ++number) {
    const char* described = ::sigdescr_np(number);
    const bool real_time = number >= SIGRTMIN;
    if (described == nullptr && !real_time) continue;  // those of the C library
    const std::string meaning = real_time ? "Real-time: queued, with a value" : described;
    all.push_back({{"number", number}, {"name", signal_name(number)}, {"meaning", meaning}});
    table.add_row({{std::to_string(number)}, {signal_name(number)}, {meaning}});
  }
  put_text(json ? to_text(all) : table.render(Screen::of(STDOUT_FILENO)));
  return exit_done;
}

Result<int> wait_for_exit(const Process& process, Deadline deadline) {
  auto ended = process.wait(deadline);
  if (!ended) return std::unexpected{ended.error()};
  if (ended->is<Done>()) return exit_done;
  return nothing(signal_verb, fmt::format("pid {}: sent, and still running", process.pid()));
}

Result<int> run_signal(const SignalArguments& arguments) {
  if (arguments.list) return list_signals(arguments.json);
  if (arguments.json)
    return std::unexpected{
        usage_error("--json", "sending prints nothing; ginnel signal --list --json lists the signals")};
  if (arguments.target.empty() || arguments.signal.empty())
    return std::unexpected{usage_error("", "name a process and a signal: ginnel signal 1234 SIGTERM")};
  auto deadline = arguments.wait.deadline();
  if (!deadline) return std::unexpected{deadline.error()};
  auto pid = parse_target(arguments.target);
  if (!pid) return std::unexpected{pid.error()};
  auto number = parse_signal(arguments.signal);
  if (!number) return std::unexpected{number.error()};

  auto process = Process::open(*pid);
  if (!process && process.error().code() == ESRCH) return tell_gone(*pid);
  if (!process) return std::unexpected{process.error()};
  auto sent = send_to(*process, *number, arguments.value);
  if (!sent) return std::unexpected{explained(sent.error(), *pid)};
  if (sent->is<PeerGone>()) return tell_gone(*pid);
  if (sent->is<QueueFull>()) return tell_queue_full(*pid);
  return arguments.wait_exit ? wait_for_exit(*process, *deadline) : Result<int>{exit_done};
}

CommandRun define_signal(const VerbOptions& options) {
  auto arguments = std::make_shared<SignalArguments>();
  options.add_option("PROCESS", arguments->target, "1234, pid:1234 or signal:1234");
  options.add_option("SIGNAL", arguments->signal, "TERM, SIGTERM, 15, SIGRTMIN+1");
  options.add_option("--value", arguments->value, "A number that goes with it, as sigqueue(3) does").type_name("N");
  options.add_flag("--wait-exit", arguments->wait_exit, "Then wait until the process has ended");
  arguments->wait.add_timeout_to(options, "With --wait-exit: wait no longer than this, and end with 1");
  options.add_flag("--list", arguments->list, "List all signals");
  add_json_flag(options, arguments->json);
  return [arguments](const TrailingWords&) { return run_signal(*arguments); };
}

}  // namespace

const Verb signal_verb{"signal", "Send a signal, with a value, to exactly that process",
                       "  ginnel signal 1234 SIGRTMIN+1 --value 42\n"
                       "  sleep 100 & ginnel signal $! TERM --wait-exit --timeout 5s\n"
                       "  ginnel signal --list\n"
                       "\n"
                       "The process is held by a pidfd, so a later one that gets its number is never\n"
                       "hit. Ends with 1 when the process has ended, when the queue of real-time\n"
                       "signals is full, or when --wait-exit waited in vain.\n",
                       "", define_signal};

}  // namespace ginnel::cli
