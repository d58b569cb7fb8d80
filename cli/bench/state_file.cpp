#include "bench/state_file.hpp"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace ginnel::cli::bench {
namespace {

std::string variable(const char* name) {
  const char* const value = std::getenv(name);
  return value != nullptr ? value : "";
}

}  // namespace

std::string state_path() {
  if (const std::string state = variable("XDG_STATE_HOME"); !state.empty()) return state + "/ginnel/bench.json";
  if (const std::string home = variable("HOME"); !home.empty()) return home + "/.local/state/ginnel/bench.json";
  return {};
}

Result<void> write_file(const std::string& path, const std::string& text) {
  const std::filesystem::path folder = std::filesystem::path{path}.parent_path();
  std::error_code failed;
  if (!folder.empty()) std::filesystem::create_directories(folder, failed);
  if (failed) return std::unexpected{Error{failed.value(), "mkdir", folder.string()}};
  // Into a device or a pipe there is nothing to rename.
  const bool plain = !std::filesystem::exists(path, failed) || std::filesystem::is_regular_file(path, failed);
  const std::string place = plain ? path + ".new" : path;
  errno = 0;
  std::ofstream file{place, std::ios::binary | std::ios::trunc};
  file << text;
  file.close();
  if (!file) return std::unexpected{Error{errno != 0 ? errno : EIO, "write", path}};
  if (plain && std::rename(place.c_str(), path.c_str()) != 0) return std::unexpected{Error::last("rename", path)};
  return {};
}

Result<Json> read_report(const std::string& path) {
  errno = 0;
  std::ifstream file{path, std::ios::binary};
  std::ostringstream text;
  text << file.rdbuf();
  if (!file) return std::unexpected{Error{errno != 0 ? errno : EIO, "read", path}};
  Json report = Json::parse(text.str(), nullptr, false);
  if (report.is_discarded() || !report.is_object() || !report.contains("bench_schema") || report["bench_schema"] != 1 ||
      !report.contains("figures") || !report["figures"].is_array())
    return std::unexpected{Error{EINVAL, "read", path, "this is no report of 'ginnel bench --export json'"}};
  return report;
}

}  // namespace ginnel::cli::bench
