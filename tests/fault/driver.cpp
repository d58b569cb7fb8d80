#include <dirent.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <set>

#include "child_fault.hpp"
#include "operations.hpp"
#include "support/scratch.hpp"

// Runs one operation twice: a first time between two markers, where tests/fault/run makes a system call fail, and a second
// time untouched. Prints what both came to and what was left behind.
//
//   ginnel_fault_driver list [FAMILY]
//   ginnel_fault_driver run OPERATION SCRATCH-DIRECTORY

namespace ginnel::fault {
namespace {

std::string scratch;

/// Which close(2) of the operation is to fail, and with what; from GINNEL_FAULT_CLOSE=ERRNO:N.
struct CloseFault {
  int code = 0;
  int countdown = 0;
  bool inside = false;
  bool hit = false;
} close_fault;

void read_close_fault() {
  const char* text = std::getenv("GINNEL_FAULT_CLOSE");
  if (text != nullptr && std::sscanf(text, "%d:%d", &close_fault.code, &close_fault.countdown) != 2)
    give_up("GINNEL_FAULT_CLOSE is ERRNO:N");
}

/// A system call that stands out in the trace and changes nothing.
void mark(const char* word) {
  if (::access(word, F_OK) == 0) give_up("a file has the name of a marker");
}

std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> names;
  DIR* open_folder = ::opendir(folder.c_str());
  if (open_folder == nullptr) return names;
  while (const dirent* entry = ::readdir(open_folder)) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(std::string{folder}.append("/").append(name));
  }
  ::closedir(open_folder);
  return names;
}

/// The lines of a System V table without the columns that change by being used.
std::vector<std::string> ids_in(const std::string& table) {
  std::vector<std::string> ids;
  std::ifstream file{table};
  std::string line;
  std::getline(file, line);
  while (std::getline(file, line)) ids.push_back(table + " " + line.substr(0, 21));
  return ids;
}

/// The children that nobody has collected, running or not.
std::vector<std::string> children() {
  std::ifstream file{"/proc/thread-self/children"};
  std::vector<std::string> all;
  for (std::string pid; file >> pid;) all.push_back("child " + pid);
  return all;
}

/// Everything that could be left behind: this process's descriptors, children and mappings of shared memory, and all that
/// has a name.
std::multiset<std::string> everything_there() {
  std::multiset<std::string> there;
  const auto add = [&](const std::vector<std::string>& items) { there.insert(items.begin(), items.end()); };
  add(test::open_descriptors());
  add(children());
  for (const std::string& folder : {scratch, std::string{"/dev/shm"}, scratch + "/.mqueue"}) add(names_in(folder));
  for (const char* table : {"/proc/sysvipc/shm", "/proc/sysvipc/msg", "/proc/sysvipc/sem"}) add(ids_in(table));
  std::ifstream maps{"/proc/self/maps"};
  for (std::string line; std::getline(maps, line);) {
    const auto path = line.find('/');
    if (line.find(" rw-s ") != std::string::npos || line.find(" r--s ") != std::string::npos)
      there.insert("mapping " + (path == std::string::npos ? std::string{} : line.substr(path)));
  }
  return there;
}

void print_difference(const std::multiset<std::string>& before, const std::multiset<std::string>& after) {
  std::vector<std::string> more;
  std::set_difference(after.begin(), after.end(), before.begin(), before.end(), std::back_inserter(more));
  for (const std::string& item : more) std::printf("left %s\n", item.c_str());
}

struct Family {
  std::string_view name;
  std::vector<Operation> (*operations)();
};

/// Each is the file NAME_operations.cpp.
constexpr std::array families{Family{"process", process_operations}, Family{"stream", stream_operations},
                              Family{"socket", socket_operations},   Family{"queue", queue_operations},
                              Family{"memory", memory_operations},   Family{"lock", lock_operations},
                              Family{"folder", folder_operations},   Family{"foreign", foreign_operations}};

/// Those of one family, or of all when none is named.
std::vector<Operation> operations_of(std::string_view name) {
  std::vector<Operation> all;
  for (const Family& family : families)
    if (name.empty() || name == family.name)
      for (Operation& operation : family.operations()) all.push_back(std::move(operation));
  return all;
}

int run(const Operation& operation) {
  const auto perform = operation.prepare();
  install_child_fault();
  const auto before = everything_there();

  mark("ginnel-fault-begin");
  close_fault.inside = true;
  begin_child_fault();
  Attempt first = perform();
  const bool child_hit = end_child_fault();
  close_fault.inside = false;
  mark("ginnel-fault-end");
  if (close_fault.hit) std::puts("closed with an error");
  if (child_hit) std::puts("failed in a child");
  if (first.undo) first.undo();
  print_difference(before, everything_there());
  std::printf("first %s\n", first.report.c_str());

  Attempt second = perform();
  if (second.undo) second.undo();
  std::printf("second %s\n", second.report.c_str());
  return 0;
}

}  // namespace

std::string scratch_file(const std::string& name) { return scratch + "/" + name; }

void give_up(const std::string& message) {
  std::fprintf(stderr, "fault driver: %s\n", message.c_str());
  std::exit(3);
}

}  // namespace ginnel::fault

/// In place of libc's: Linux has freed the descriptor also when close(2) fails, which strace cannot imitate.
extern "C" int close(int fd) {
  auto& fault = ginnel::fault::close_fault;
  const auto result = static_cast<int>(::syscall(SYS_close, fd));
  if (!fault.inside || fault.code == 0 || --fault.countdown != 0) return result;
  fault.hit = true;
  errno = fault.code;
  return -1;
}

int main(int argc, char** argv) {
  using namespace ginnel::fault;
  const std::vector<std::string> words{argv + 1, argv + argc};
  if (!words.empty() && words.size() <= 2 && words[0] == "list") {
    for (const Operation& operation : operations_of(words.size() == 2 ? words[1] : ""))
      std::puts(std::string{operation.name}.c_str());
    return 0;
  }
  if (words.size() == 3 && words[0] == "run") {
    read_close_fault();
    scratch = words[2];
    for (const Operation& operation : operations_of(""))
      if (operation.name == words[1]) return run(operation);
  }
  give_up("usage: ginnel_fault_driver list [FAMILY] | run OPERATION SCRATCH-DIRECTORY");
}
