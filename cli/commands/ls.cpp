#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <memory>
#include <optional>
#include <tuple>

#include "ginnel/inventory.hpp"
#include "inventory/asked_process.hpp"
#include "inventory/belonging.hpp"
#include "inventory/columns.hpp"
#include "inventory/coverage_text.hpp"
#include "inventory/object_json.hpp"
#include "options.hpp"
#include "render/output.hpp"
#include "verbs.hpp"

// `ginnel ls`: every IPC object of this machine that may be seen, what needs a human first.

namespace ginnel::cli {
namespace {

using inventory::Object;

using Columns = std::vector<const ObjectColumn*>;

constexpr std::string_view usual_columns = "state,kind,name,owner,mode,fill,holders,waiters,verdict";
/// What a narrow screen has no room for, the first of them first: who waits and what may go is what a human needs to know.
constexpr std::array<std::string_view, 3> dispensable{"mode", "owner", "fill"};

struct LsArguments {
  std::vector<std::string> kinds;
  std::string namespaces = "all";
  std::optional<pid_t> pid;
  std::string user;
  bool orphans = false;
  std::string columns;
  bool json = false;
};

Result<inventory::ScanOptions> scan_options(const LsArguments& arguments) {
  inventory::ScanOptions options;
  if (arguments.namespaces == "own") {
    options.namespaces = inventory::NamespaceScope::own;
  } else if (arguments.namespaces != "all") {
    std::uint64_t inode = 0;
    const std::string& text = arguments.namespaces;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), inode);
    if (failure != std::errc{} || end != text.data() + text.size())
      return std::unexpected{
          usage_error("--ns " + arguments.namespaces,
                      "expected all, own, or the inode of a namespace as 'ls -o ns' and 'ls -l /proc/PID/ns' show it")};
    options.only_namespace = inode;
  }
  return options;
}

/// Whether it belongs to the namespace that was asked for, if one was.
bool is_where_asked(const inventory::Snapshot& snapshot, const inventory::ScanOptions& options, const Object& object) {
  return !options.only_namespace || is_in_namespace(snapshot, object, *options.only_namespace);
}

bool concerns(const Object& object, pid_t pid) {
  return std::ranges::any_of(object.holders, [&](const auto& holder) { return holder.pid == pid; }) ||
         std::ranges::any_of(object.waiters, [&](const auto& waiter) { return waiter.pid == pid; });
}

Result<std::vector<const Object*>> choose(const inventory::Judge& judge, const LsArguments& arguments,
                                          const inventory::ScanOptions& options) {
  std::vector<inventory::Kind> kinds;
  for (const std::string& text : arguments.kinds) {
    const auto kind = inventory::parse_kind(text);
    if (!kind) return std::unexpected{usage_error(text, kind.error().hint())};
    kinds.push_back(*kind);
  }
  std::optional<uid_t> user;
  if (!arguments.user.empty()) {
    const auto parsed = parse_user(arguments.user);
    if (!parsed) return std::unexpected{parsed.error()};
    user = *parsed;
  }
  std::vector<const Object*> chosen;
  for (const Object& object : judge.snapshot().objects) {
    if (!kinds.empty() && std::ranges::find(kinds, object.id.kind) == kinds.end()) continue;
    if (arguments.pid && !concerns(object, *arguments.pid)) continue;
    if (!is_where_asked(judge.snapshot(), options, object)) continue;
    if (user && (!object.owner || *object.owner != *user)) continue;
    if (arguments.orphans) {
      const auto verdict = judge(object).verdict;
      if (verdict != inventory::Verdict::safe && verdict != inventory::Verdict::likely) continue;
    }
    chosen.push_back(&object);
  }
  return chosen;
}

/// What needs a human first, then kind after kind by name.
std::vector<Row> rows_for_people(const inventory::Judge& judge, const std::vector<const Object*>& objects) {
  std::vector<Row> rows;
  rows.reserve(objects.size());
  for (const Object* object : objects) rows.push_back(row_of(judge, *object));
  std::ranges::sort(rows, [](const Row& a, const Row& b) {
    return std::tie(a.urgency, a.object->id.kind, a.object->name, a.object->id) <
           std::tie(b.urgency, b.object->id.kind, b.object->name, b.object->id);
  });
  return rows;
}

Table table_of(const Columns& columns, const std::vector<Row>& rows) {
  std::vector<Column> titles;
  for (const ObjectColumn* column : columns) titles.push_back(column->column);
  Table table{std::move(titles)};
  for (const Row& row : rows) {
    std::vector<Cell> cells;
    for (const ObjectColumn* column : columns) cells.push_back(column->cell(row));
    table.add_row(std::move(cells));
  }
  return table;
}

/// The table of the usual columns, without those that the screen has no room for: they are told below it.
void put_what_fits(Columns columns, const std::vector<Row>& rows, const Screen& screen) {
  Table table = table_of(columns, rows);
  std::string left_out;
  for (const std::string_view name : dispensable) {
    if (table.fits(screen)) break;
    std::erase_if(columns, [&](const ObjectColumn* column) { return column->name == name; });
    left_out += (left_out.empty() ? "" : ",") + std::string{name};
    table = table_of(columns, rows);
  }
  put_text(table.render(screen));
  if (!left_out.empty()) note("no room here for: {}; 'ginnel ls -o kind,name,{}' has them\n", left_out, left_out);
}

int nothing_listed(const inventory::Snapshot& snapshot, const LsArguments& arguments) {
  const auto why = arguments.pid ? why_nothing_of(snapshot, *arguments.pid) : std::nullopt;
  return nothing(ls_verb, why.value_or("nothing of that kind is there"));
}

Result<int> run_ls(const LsArguments& arguments) {
  const auto options = scan_options(arguments);
  if (!options) return std::unexpected{options.error()};
  const Screen screen = Screen::of(STDOUT_FILENO);
  const bool usual = arguments.columns.empty();
  const auto columns = choose_columns(usual ? usual_columns : arguments.columns);
  if (!columns) return std::unexpected{columns.error()};
  const auto snapshot = inventory::scan(*options);
  if (!snapshot) return std::unexpected{snapshot.error()};
  if (options->only_namespace && !is_namespace(*snapshot, *options->only_namespace))
    return nothing(ls_verb,
                   fmt::format("--ns {}: nobody who may be seen is in such a namespace", arguments.namespaces));
  const inventory::Judge judge{*snapshot};
  const auto objects = choose(judge, arguments, *options);
  if (!objects) return std::unexpected{objects.error()};

  if (arguments.json) {
    put_document(judge, *objects);
    return objects->empty() ? nothing_listed(*snapshot, arguments) : exit_done;
  }
  const std::vector<Row> rows = rows_for_people(judge, *objects);
  if (!rows.empty() && usual)
    put_what_fits(*columns, rows, screen);
  else if (!rows.empty())
    put_text(table_of(*columns, rows).render(screen));
  note_text(coverage_text(snapshot->coverage));
  return objects->empty() ? nothing_listed(*snapshot, arguments) : exit_done;
}

std::string columns_help() {
  std::string text = "Columns, by comma:";
  for (const ObjectColumn& column : object_columns()) text += " " + std::string{column.name};
  return text;
}

CommandRun define_ls(const VerbOptions& options) {
  auto arguments = std::make_shared<LsArguments>();
  options.add_option("KIND", arguments->kinds,
                     "Only these kinds: pipe fifo unix posix-mq sysv-msg sysv-shm sysv-sem posix-shm posix-sem memfd "
                     "eventfd epoll signalfd timerfd lock futex signal topic latest queue channel");
  options.add_option("--ns", arguments->namespaces,
                     "all, own, or the inode of one namespace: what is in it, or held from in there");
  options.add_option("--pid", arguments->pid, "Only what this process has or waits for");
  options.add_option("--user", arguments->user, "Only what this user owns, by name or number");
  options.add_flag("--orphans", arguments->orphans, "Only what nobody seems to use any more");
  options.add_option("-o,--output", arguments->columns, columns_help());
  add_json_flag(options, arguments->json);
  return [arguments](const TrailingWords&) { return run_ls(*arguments); };
}

}  // namespace

const Verb ls_verb{"ls", "List IPC objects, who has them, who waits",
                   "  ginnel ls\n"
                   "  ginnel ls pipe unix --pid 1234\n"
                   "  ginnel ls --orphans -o verdict,kind,name,age\n"
                   "  ginnel ls --json | jq '.objects[] | select(.fill.writer_blocks)'\n",
                   "", define_ls};

}  // namespace ginnel::cli
