#include "scene.hpp"

#include <algorithm>
#include <tuple>

namespace ginnel::inventory {

std::size_t Objects::HashId::operator()(const ObjectId& id) const noexcept {
  std::size_t hash = static_cast<std::size_t>(id.kind);
  for (const std::uint64_t part : {id.space, id.device, id.number, id.generation})
    hash = (hash ^ part) * 0x9e3779b97f4a7c15U ^ (hash >> 29U);
  return hash;
}

Object& Objects::at(const ObjectId& id) {
  const auto [place, is_new] = places_.try_emplace(id, objects_.size());
  if (is_new) objects_.emplace_back().id = id;
  return objects_[place->second];
}

Object* Objects::find(const ObjectId& id) {
  const auto place = places_.find(id);
  return place == places_.end() ? nullptr : &objects_[place->second];
}

const OpenFile* Scene::open_file(pid_t pid, pid_t tid, int fd) const {
  // The census reads process after process and each table in one go, numbers ascending, the leader's first; a thread
  // without a table of its own has the leader's.
  const auto of_process = std::ranges::equal_range(census.files, pid, {}, &OpenFile::pid);
  const bool one_table = !of_process.empty() && of_process.back().tid == pid;
  if (one_table) {
    const auto found = std::ranges::lower_bound(of_process, fd, {}, &OpenFile::fd);
    return found != of_process.end() && found->fd == fd ? &*found : nullptr;
  }
  const bool own_table = std::ranges::any_of(of_process, [&](const OpenFile& file) { return file.tid == tid; });
  const pid_t table = own_table ? tid : pid;
  const auto found =
      std::ranges::find_if(of_process, [&](const OpenFile& file) { return file.tid == table && file.fd == fd; });
  return found == of_process.end() ? nullptr : &*found;
}

const ObjectId* Scene::object_of_file(const OpenFile& file) const {
  const auto place = static_cast<std::size_t>(&file - census.files.data());
  return object_of[place] ? &*object_of[place] : nullptr;
}

void Scene::hold(const ObjectId& id, const OpenFile& file) {
  object_of[static_cast<std::size_t>(&file - census.files.data())] = id;
  objects.at(id).holders.push_back(
      {.pid = file.pid, .tid = file.tid, .fd = file.fd, .how = How::descriptor, .access = file.access});
}

Fact<Creator> creator_of(const Snapshot& snapshot, pid_t pid, Time made) {
  if (pid <= 0) return Fact<Creator>::missing("a process of a pid namespace that is not seen from here");
  const ProcessInfo* process = snapshot.process(pid);
  if (process == nullptr && snapshot.coverage.processes_hidden)
    return Fact<Creator>::missing("/proc is mounted with hidepid: whether it lives is not told");
  if (process == nullptr || !process->alive())
    return Creator{.pid = pid, .life = Life::dead, .start_ticks = 0, .command = {}};
  constexpr std::chrono::seconds clock_slack{
      2};  // times of objects are whole seconds, and the boot time is rounded too
  const bool younger = snapshot.started_at(*process) > made + clock_slack;
  return Creator{.pid = pid,
                 .life = younger ? Life::reused : Life::alive,
                 .start_ticks = process->start_ticks,
                 .command = process->command};
}

void take_file_facts(Object& object, const FileStatus& status) {
  object.owner = status.user;
  object.group = status.group;
  object.mode = status.mode;
  object.changed = status.changed;
  object.deleted = status.links == 0;
}

std::string_view without_deleted_mark(std::string_view path) noexcept {
  constexpr std::string_view mark = " (deleted)";
  if (path.ends_with(mark)) path.remove_suffix(mark.size());
  return path;
}

std::string to_text(Time time) {
  return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count());
}

}  // namespace ginnel::inventory
