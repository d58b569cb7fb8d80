#include <fmt/core.h>
#include <unistd.h>
#include <cerrno>
#include <charconv>
#include <memory>
#include <optional>
#include <set>
#include <utility>

#include "foreground.hpp"
#include "ginnel/sys/file_lock.hpp"
#include "ginnel/sys/spawn.hpp"
#include "options.hpp"
#include "render/json.hpp"
#include "render/output.hpp"
#include "render/table.hpp"
#include "verbs.hpp"

// `ginnel lock`: runs a command under a file lock, as flock(1), or tells who holds one.

namespace ginnel::cli {
namespace {

struct LockArguments {
  std::string path;
  bool shared = false;
  std::string range;
  bool close = false;
  bool who = false;
  bool json = false;
  WaitOptions wait;

  [[nodiscard]] LockMode mode() const { return shared ? LockMode::shared : LockMode::exclusive; }
};

std::string_view to_string(LockMode mode) { return mode == LockMode::shared ? "shared" : "exclusive"; }

std::string_view to_string(LockHolder::Kind kind) {
  switch (kind) {
    case LockHolder::Kind::flock:
      return "flock";
    case LockHolder::Kind::ofd:
      return "ofd";
    case LockHolder::Kind::posix:
      return "posix";
  }
  return "";
}

std::string to_string(ByteRange range) {
  if (range == ByteRange{}) return "whole file";
  return range.length == 0 ? fmt::format("from {}", range.start)
                           : fmt::format("{}-{}", range.start, range.start + range.length - 1);
}

Result<std::string> path_of(const std::string& text) {
  if (!text.starts_with("lock:")) return text;
  auto address = Address::parse(text);
  if (!address) return std::unexpected{address.error()};
  return address->name;
}

Result<ByteRange> parse_range(std::string_view text) {
  const auto number = [](std::string_view digits, std::int64_t& value) {
    const auto [rest, fault] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return fault == std::errc{} && rest == digits.data() + digits.size() && value >= 0;
  };
  ByteRange range;
  const auto colon = text.find(':');
  if (colon != std::string_view::npos && number(text.substr(0, colon), range.start) &&
      number(text.substr(colon + 1), range.length))
    return range;
  return std::unexpected{
      Error{EINVAL, "range", text, "write START:LENGTH in bytes: 0:100; length 0 reaches to the end of the file"}};
}

/// Without ginnel itself, which may have inherited the lock that it looks at.
Result<LockHolders> other_holders(const std::string& path) {
  auto found = lock_holders(path);
  if (found) std::erase_if(found->holders, [](const LockHolder& holder) { return holder.pid == ::getpid(); });
  return found;
}

Json holder_json(const LockHolder& holder) {
  return {{"pid", holder.pid},
          {"command", holder.command},
          {"fd", holder.fd},
          {"kind", to_string(holder.kind)},
          {"mode", to_string(holder.mode)},
          {"start", holder.range.start},
          {"length", holder.range.length}};
}

Result<int> tell_holders(const LockArguments& arguments, const std::string& path) {
  auto found = other_holders(path);
  if (!found && found.error().code() == ENOENT) return nothing(lock_verb, path + ": there is no such file");
  if (!found) return std::unexpected{found.error()};
  const int code = found->holders.empty() ? exit_nothing : exit_done;
  if (arguments.json) {
    Json holders = Json::array();
    for (const LockHolder& holder : found->holders) holders.push_back(holder_json(holder));
    const Json facts{
        {"path", path}, {"holders", std::move(holders)}, {"unreadable_processes", found->unreadable_processes}};
    put_text(to_text(facts));
    return code;
  }
  if (found->holders.empty()) {
    note("ginnel lock: {}: no lock is held\n", path);
  } else {
    Table table{{{"pid", Align::right}, {"command"}, {"lock"}, {"mode"}, {"range"}, {"fd", Align::right}}};
    for (const LockHolder& holder : found->holders)
      table.add_row({{std::to_string(holder.pid)},
                     {holder.command},
                     {std::string{to_string(holder.kind)}},
                     {std::string{to_string(holder.mode)}},
                     {to_string(holder.range)},
                     {std::to_string(holder.fd)}});
    put_text(table.render(Screen::of(STDOUT_FILENO)));
  }
  if (found->unreadable_processes > 0)
    note("ginnel lock: {} processes of other users could not be looked at; root can\n", found->unreadable_processes);
  return code;
}

/// Says whom the lock was left to.
int give_up(const std::string& path) {
  std::string names;
  if (auto found = other_holders(path)) {
    std::set<pid_t> told;
    for (const LockHolder& holder : found->holders) {
      if (!told.insert(holder.pid).second) continue;
      names += fmt::format("{}pid {} ({})", names.empty() ? ": held by " : ", ", holder.pid, holder.command);
    }
  }
  return nothing(lock_verb, fmt::format("{}: not free{}", path, names));
}

/// The command gets the descriptor too, so that the lock stands for as long as it or a child of its lives. With --close
/// ginnel alone has the lock, and so the command must not outlive ginnel.
Result<int> run_under_lock(Foreground& foreground, const TrailingWords& command, int lock, bool close) {
  SpawnOptions options{.end_with_parent = close};
  if (!close) options.descriptors.emplace_back(lock, lock);
  auto started = spawn(command, options);
  if (!started) return std::unexpected{started.error()};
  return foreground.run_to_end(std::move(*started));
}

Result<int> run_with_file_lock(const LockArguments& arguments, const std::string& path, Deadline deadline,
                               const TrailingWords& command) {
  auto locked = FileLock::acquire(path, arguments.mode(), deadline);
  if (!locked) return std::unexpected{locked.error()};
  const auto* lock = locked->get_if<FileLock>();
  if (lock == nullptr) return give_up(path);
  auto foreground = Foreground::begin();
  if (!foreground) return std::unexpected{foreground.error()};
  return run_under_lock(*foreground, command, lock->descriptor(), arguments.close);
}

Result<int> run_with_range_lock(const LockArguments& arguments, const std::string& path, Deadline deadline,
                                const TrailingWords& command) {
  auto range = parse_range(arguments.range);
  if (!range) return std::unexpected{range.error()};
  auto locks = RangeLocks::open(path);
  if (!locks) return std::unexpected{locks.error()};
  auto locked = locks->lock(*range, arguments.mode(), deadline);
  if (!locked) return std::unexpected{locked.error()};
  if (locked->is<TimedOut>()) return give_up(path);
  auto foreground = Foreground::begin();
  if (!foreground) return std::unexpected{foreground.error()};
  return run_under_lock(*foreground, command, locks->descriptor(), arguments.close);
}

Result<int> run_lock(const LockArguments& arguments, const TrailingWords& command) {
  auto path = path_of(arguments.path);
  if (!path) return std::unexpected{path.error()};
  if (arguments.who) {
    if (!command.empty()) return std::unexpected{usage_error("", "--who runs no command: leave out what follows '--'")};
    return tell_holders(arguments, *path);
  }
  if (arguments.json) return std::unexpected{usage_error("", "--json goes with --who")};
  if (command.empty())
    return std::unexpected{usage_error("", "no command; write it after '--': ginnel lock /tmp/lockfile -- make")};
  auto deadline = arguments.wait.deadline();
  if (!deadline) return std::unexpected{deadline.error()};
  return arguments.range.empty() ? run_with_file_lock(arguments, *path, *deadline, command)
                                 : run_with_range_lock(arguments, *path, *deadline, command);
}

CommandRun define_lock(const VerbOptions& options) {
  auto arguments = std::make_shared<LockArguments>();
  options.add_option("PATH", arguments->path, "The file, as a path or as lock:/path; made when missing").required();
  options.add_flag("--shared", arguments->shared, "Share the lock with others that share it");
  options.add_option("--range", arguments->range, "Lock bytes instead of the whole file (an OFD lock)")
      .type_name("START:LENGTH");
  options.add_flag("--close", arguments->close, "Do not let the command inherit the locked descriptor");
  options.add_flag("--who", arguments->who, "Tell who holds locks on the file, and end with 1 when nobody does");
  arguments->wait.add_to(options);
  add_json_flag(options, arguments->json);
  return [arguments](const TrailingWords& command) { return run_lock(*arguments, command); };
}

}  // namespace

const Verb lock_verb{"lock", "Run a command under a file lock, or tell who holds it",
                     "  ginnel lock /tmp/lockfile --timeout 5s -- sh -c 'echo critical >> /tmp/log'\n"
                     "  ginnel lock /tmp/lockfile --nonblock --shared -- cat /tmp/log\n"
                     "  ginnel lock /tmp/lockfile --range 0:100 -- date\n"
                     "  ginnel lock /tmp/lockfile --who\n"
                     "\n"
                     "The same lock as flock(1) takes; with --range one that fcntl(2) users see.\n"
                     "Ends with the command's code; 1 when the lock was not free in time. The\n"
                     "command inherits the lock, so it is held until its last child has ended too.\n"
                     "With --close only ginnel holds it; then the command is killed when ginnel is.\n"
                     "Signals are passed on to the command.\n",
                     "[-- COMMAND [ARGUMENT]...]", define_lock};

}  // namespace ginnel::cli
