#include "limits_settings.hpp"

#include <algorithm>
#include <cerrno>
#include <map>

#include "entering.hpp"
#include "ginnel/sys/directory.hpp"
#include "ginnel/sys/inside.hpp"
#include "limits_text.hpp"
#include "words.hpp"

namespace ginnel::inventory {
namespace {

/// What a namespace has in its files below /proc/sys, by path; or why that cannot be told.
struct Texts {
  std::map<std::string, std::string, std::less<>> by_path;
  std::string_view reason = not_told;
};

std::string path_of(const Setting& setting) {
  std::string path{setting.name.substr(0, setting.name.find(' '))};
  std::ranges::replace(path, '.', '/');
  return path;
}

std::vector<std::string> paths_of(std::optional<NamespaceKind> space) {
  std::vector<std::string> paths;
  for (const Setting& setting : settings()) {
    if (setting.space != space) continue;
    paths.push_back(path_of(setting));
    if (!setting.used_file.empty()) paths.emplace_back(setting.used_file);
  }
  return paths;
}

/// `PATH TEXT` in a line for each file that is there: all of them are files of one line.
Result<Carried> read_here(const std::vector<std::string>& paths) {
  const auto folder = Directory::open("/proc/sys");
  if (!folder) return std::unexpected{folder.error()};
  Carried carried;
  std::string text;
  for (const std::string& path : paths)
    if (folder->read_file(path.c_str(), text))
      carried.bytes.append(path).append(" ").append(text.substr(0, text.find('\n'))).append("\n");
  return carried;
}

Texts parse_answers(std::string_view answers) {
  Texts texts;
  while (!answers.empty()) {
    std::string_view line = take_line(answers);
    const std::string_view path = take_word(line);
    texts.by_path.emplace(path, line);
  }
  return texts;
}

/// Settings of a namespace are those of who opens the file, so a helper that has entered it has to read them.
Texts read_in(const ProcessInfo& process, NamespaceKind kind, const Fact<std::uint64_t>& inode) {
  if (!inode) return {.by_path = {}, .reason = inode.reason()};
  const auto own = own_namespace_identity(kind);
  const NamespaceInfo space{.kind = kind,
                            .inode = *inode,
                            .member = process.pid,
                            .own = own && own->inode == *inode,
                            .visited = true,
                            .reason = {}};
  const std::vector<std::string> paths = paths_of(kind);
  const auto answers = work_in(space, [&](std::span<const int> ways) -> Result<Carried> {
    return ways.empty() ? read_here(paths) : run_inside(ways, [&] { return read_here(paths); });
  });
  if (answers) return parse_answers(answers->bytes);
  return {.by_path = {},
          .reason = answers.error().code() == EPERM || answers.error().code() == EACCES
                        ? "needs CAP_SYS_ADMIN in its namespace"
                        : "its namespace could not be entered"};
}

Fact<std::uint64_t> number_in(const Texts& texts, std::string_view path, std::size_t place) {
  const auto found = texts.by_path.find(path);
  return found == texts.by_path.end() ? Fact<std::uint64_t>::missing(texts.reason)
                                      : parse_setting(found->second, place);
}

Limit limit_of(const Setting& setting, const Texts& texts, const Viewpoint& here) {
  const std::string path = path_of(setting);
  Limit limit{.name = std::string{setting.name},
              .place = {},
              .scope = setting.scope,
              .value = number_in(texts, path, setting.place),
              .used = Fact<std::uint64_t>::missing("bounds each by itself"),
              .unit = setting.unit,
              .at_limit = setting.at_limit,
              .raise = std::string{setting.raise},
              .estimate = {},
              .consumers = {}};
  if (setting.zero_is_none && limit.value && *limit.value == 0) limit.value = Fact<std::uint64_t>::missing(unlimited);
  if (limit.raise.empty()) limit.raise = "sysctl -w " + limit.name + "=N";
  if (setting.use != nullptr) {
    Use use = setting.use(here);
    limit.used = use.amount;
    limit.estimate = use.estimate;
    limit.consumers = std::move(use.consumers);
  }
  if (!setting.used_file.empty()) {
    limit.used = number_in(texts, setting.used_file, 0);
    limit.estimate = {};
  }
  return limit;
}

}  // namespace

std::vector<Limit> setting_limits(const Viewpoint& here) {
  const ProcessInfo& process = here.process;
  const auto machine = read_here(paths_of(std::nullopt));
  const std::map<std::optional<NamespaceKind>, Texts> texts{
      {std::nullopt, parse_answers(machine ? machine->bytes : "")},
      {NamespaceKind::ipc, read_in(process, NamespaceKind::ipc, process.ipc_namespace)},
      {NamespaceKind::network, read_in(process, NamespaceKind::network, process.network_namespace)},
      {NamespaceKind::user, read_in(process, NamespaceKind::user, process.user_namespace)}};
  std::vector<Limit> limits;
  for (const Setting& setting : settings()) limits.push_back(limit_of(setting, texts.at(setting.space), here));
  return limits;
}

}  // namespace ginnel::inventory
