#include <getopt.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>
#include <numeric>
#include <optional>
#include <string>

#include "applet.hpp"
#include "columns.hpp"
#include "lock_table.hpp"
#include "render/screen.hpp"
#include "voice.hpp"

// lslocks(8): lists the file locks of the system.

namespace ginnel::cli {
namespace {

constexpr Voice voice{"lslocks"};
constexpr int all_columns_option = 256;  // it has no letter

enum class Form { columns, words, json };

struct Wanted {
  Form form = Form::columns;
  bool headings = true;
  bool bytes = false;
  bool whole_paths = false;
  bool accessible_only = false;
  std::optional<pid_t> pid;
  std::vector<std::size_t> columns;  ///< indices into `fields`
};

/// A column, what it tells of a lock, and a line about it.
struct Field {
  ListColumn column;
  std::string (*cell)(const LockEntry& entry, const Wanted& wanted);
  std::string_view about;
  bool usual = true;
};

using Json = ListColumn::Json;

std::string mode_of(const LockEntry& entry) { return entry.waiting ? entry.mode + "*" : entry.mode; }

/// The tool shows no size where there is none to see, and none of an empty file either.
std::string size_of(const LockEntry& entry, const Wanted& wanted) {
  if (entry.size == 0) return "";
  return wanted.bytes ? std::to_string(entry.size) : human_size(entry.size);
}

std::string device_of(const LockEntry& entry, const Wanted& wanted) {
  if (wanted.form != Form::columns) return fmt::format("{}:{}", entry.device_major, entry.device_minor);
  return fmt::format("{:3}:{:<3}", entry.device_major, entry.device_minor);
}

std::string path_of(const LockEntry& entry) {
  if (!entry.path.empty()) return entry.path;
  return entry.mount_point.empty() ? "" : entry.mount_point + "...";
}

std::string number_of(std::uint64_t number) { return std::to_string(number); }

const std::array<Field, 12> fields{{
    {{"COMMAND", 15}, [](const LockEntry& e, const Wanted&) { return e.command; }, "the process that has the lock"},
    {{"PID", 5, true, false, Json::number},
     [](const LockEntry& e, const Wanted&) { return std::to_string(e.pid); },
     "its id; -1 for a lock of an open file description"},
    {{"TYPE", 5, true}, [](const LockEntry& e, const Wanted&) { return e.type; }, "the kind of lock"},
    {{"SIZE", 4, true}, size_of, "the size of the file"},
    {{"INODE", 5, true, false, Json::number},
     [](const LockEntry& e, const Wanted&) { return number_of(e.inode); },
     "the inode of the file",
     false},
    {{"MAJ:MIN", 6}, device_of, "the device of the file", false},
    {{"MODE", 5},
     [](const LockEntry& e, const Wanted&) { return mode_of(e); },
     "READ or WRITE, with * while it is waited for"},
    {{"M", 1, true, false, Json::boolean},
     [](const LockEntry& e, const Wanted&) { return std::string{e.mandatory ? "1" : "0"}; },
     "1 for a mandatory lock"},
    {{"START", 10, true, false, Json::number},
     [](const LockEntry& e, const Wanted&) { return number_of(e.start); },
     "the first byte"},
    {{"END", 10, true, false, Json::number},
     [](const LockEntry& e, const Wanted&) { return number_of(e.end); },
     "the last byte; 0 is the end of the file"},
    {{"PATH", 0, false, true},
     [](const LockEntry& e, const Wanted&) { return path_of(e); },
     "the file, or its file system and ..."},
    {{"BLOCKER", 0, true, false, Json::number},
     [](const LockEntry& e, const Wanted&) { return e.blocker ? std::to_string(*e.blocker) : ""; },
     "the process that has what is waited for",
     false},
}};

int help() {
  put("\nUsage:\n lslocks [options]\n\n"
      "List the file locks of this system.\n\n"
      "Options:\n"
      " -b, --bytes           sizes in bytes\n"
      " -J, --json            as JSON\n"
      " -i, --noinaccessible  without locks whose file may not be seen\n"
      " -n, --noheadings      without the line of titles\n"
      " -o, --output <list>   these columns; +<list>: these as well\n"
      "     --output-all      all columns\n"
      " -p, --pid <pid>       the locks of one process\n"
      " -r, --raw             one blank between columns, none in them\n"
      " -u, --notruncate      whole paths, however narrow the terminal\n\n"
      " -h, --help            this text\n"
      " -V, --version         the version\n\n"
      "Columns:\n");
  for (const Field& field : fields) put(" {:>10}  {}\n", field.column.title, field.about);
  return EXIT_SUCCESS;
}

std::vector<std::size_t> usual_columns() {
  std::vector<std::size_t> indices;
  for (std::size_t i = 0; i < fields.size(); ++i)
    if (fields[i].usual) indices.push_back(i);
  return indices;
}

bool same_word(std::string_view one, std::string_view other) {
  return std::equal(one.begin(), one.end(), other.begin(), other.end(),
                    [](unsigned char a, unsigned char b) { return std::toupper(a) == std::toupper(b); });
}

/// Adds the columns of a list like `PID,PATH`. False where there are none or an empty one, or one that is not
/// known: only that is said.
bool add_columns(std::string_view list, std::vector<std::size_t>& indices) {
  if (list.empty()) return false;
  while (!list.empty()) {
    const auto comma = list.find(',');
    // A comma at the very end belongs to the name in front of it, and makes it unknown.
    const bool more = comma != std::string_view::npos && comma + 1 < list.size();
    const std::string_view name = more ? list.substr(0, comma) : list;
    if (name.empty()) return false;
    std::size_t index = 0;
    while (index < fields.size() && !same_word(fields[index].column.title, name)) ++index;
    if (index == fields.size()) {
      voice.complain(fmt::format("unknown column: {}", list));
      return false;
    }
    indices.push_back(index);
    list.remove_prefix(more ? comma + 1 : list.size());
  }
  return true;
}

/// The columns of `-o`, where a `+` in front puts them behind the usual ones. False after a bad list.
bool set_columns(std::string_view list, std::vector<std::size_t>& indices) {
  indices.clear();
  if (list.starts_with('+')) {
    indices = usual_columns();
    list.remove_prefix(1);
  }
  return add_columns(list, indices);
}

/// Gives the code to end with, if any option ends it.
std::optional<int> parse(int argc, char** argv, Wanted& wanted) {
  static constexpr std::array options{option{"bytes", no_argument, nullptr, 'b'},
                                      option{"json", no_argument, nullptr, 'J'},
                                      option{"output", required_argument, nullptr, 'o'},
                                      option{"output-all", no_argument, nullptr, all_columns_option},
                                      option{"pid", required_argument, nullptr, 'p'},
                                      option{"raw", no_argument, nullptr, 'r'},
                                      option{"notruncate", no_argument, nullptr, 'u'},
                                      option{"noheadings", no_argument, nullptr, 'n'},
                                      option{"noinaccessible", no_argument, nullptr, 'i'},
                                      option{"help", no_argument, nullptr, 'h'},
                                      option{"version", no_argument, nullptr, 'V'},
                                      option{}};
  wanted.columns = usual_columns();
  std::optional<std::string> list;
  int found = 0;
  while ((found = ::getopt_long(argc, argv, "biJno:p:ruhV", options.data(), nullptr)) != -1) {
    switch (found) {
      case 'b':
        wanted.bytes = true;
        break;
      case 'i':
        wanted.accessible_only = true;
        break;
      case 'J':
      case 'r': {
        const Form form = found == 'J' ? Form::json : Form::words;
        if (wanted.form != Form::columns && wanted.form != form) {
          voice.complain("mutually exclusive arguments: --json --raw");
          return EXIT_FAILURE;
        }
        wanted.form = form;
        break;
      }
      case 'n':
        wanted.headings = false;
        break;
      case 'o':
        list = optarg;
        break;
      case all_columns_option:
        wanted.columns.resize(fields.size());
        std::iota(wanted.columns.begin(), wanted.columns.end(), std::size_t{0});
        break;
      case 'p': {
        const auto pid = parse_int32(optarg);
        if (!pid) return voice.refuse(pid.error(), "invalid PID argument", optarg);
        wanted.pid = *pid == 0 ? std::nullopt : std::optional{*pid};
        break;
      }
      case 'u':
        wanted.whole_paths = true;
        break;
      case 'h':
        return help();
      case 'V':
        return voice.tell_version();
      default:
        return voice.point_to_help();
    }
  }
  if (list && !set_columns(*list, wanted.columns)) return EXIT_FAILURE;
  return std::nullopt;
}

ColumnTable table_of(const std::vector<LockEntry>& entries, const Wanted& wanted) {
  ColumnTable table;
  table.headings = wanted.headings;
  for (const std::size_t index : wanted.columns) {
    ListColumn column = fields[index].column;
    if (wanted.bytes && column.title == "SIZE") column.json = Json::number;
    if (wanted.whole_paths) column.may_be_cut = false;
    table.columns.push_back(column);
  }
  for (const LockEntry& entry : entries) {
    if (wanted.pid && entry.pid != *wanted.pid) continue;
    Cells row;
    for (const std::size_t index : wanted.columns) row.push_back(fields[index].cell(entry, wanted));
    table.rows.push_back(std::move(row));
  }
  return table;
}

std::string render(const ColumnTable& table, Form form) {
  if (form == Form::json) return in_json(table, "locks");
  if (form == Form::words) return in_words(table);
  const auto width = Screen::of(STDOUT_FILENO).width;
  return in_columns(table, width ? std::optional{static_cast<std::size_t>(*width)} : std::nullopt);
}

int run(int argc, char** argv) {
  Wanted wanted;
  if (const auto code = parse(argc, argv, wanted)) return *code;
  auto entries = read_lock_table();
  if (!entries) {
    voice.complain_of(entries.error().code(), "cannot open " + entries.error().object());
    return EXIT_FAILURE;
  }
  if (wanted.accessible_only) std::erase_if(*entries, [](const LockEntry& entry) { return entry.path.empty(); });
  if (entries->empty()) return EXIT_SUCCESS;  // without a lock no form says anything, JSON neither
  put("{}", render(table_of(*entries, wanted), wanted.form));
  return EXIT_SUCCESS;
}

}  // namespace

const Applet lslocks_applet{"lslocks", "List the file locks of the system", run};

}  // namespace ginnel::cli
