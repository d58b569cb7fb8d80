#include "process_reader.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>

#include "words.hpp"

namespace ginnel::inventory {
namespace {

constexpr std::string_view segment_prefix = "/SYSV";  // as the kernel names System V segments in maps

/// `PREFIXnumber` without an allocation.
class NumberedPath {
 public:
  NumberedPath(std::string_view prefix, int number) noexcept {
    char* end = std::ranges::copy(prefix, text_.data()).out;
    *std::to_chars(end, text_.data() + text_.size() - 1, number).ptr = '\0';
  }
  [[nodiscard]] const char* get() const noexcept { return text_.data(); }

 private:
  std::array<char, 32> text_{};
};

/// The rights of a link in /proc/PID/fd are those the file was opened with.
Access access_of_link(std::uint32_t mode) noexcept {
  constexpr std::uint32_t user_read = 0400;
  constexpr std::uint32_t user_write = 0200;
  const bool may_read = (mode & user_read) != 0;
  const bool may_write = (mode & user_write) != 0;
  if (may_read && may_write) return Access::read_write;
  return may_read ? Access::read : may_write ? Access::write : Access::none;
}

bool writes(Access access) noexcept { return access == Access::write || access == Access::read_write; }

bool is_out_of_means(const Error& error) noexcept {
  return error.code() == EMFILE || error.code() == ENFILE || error.code() == ENOMEM;
}

}  // namespace

bool ProcessReader::wants_mappings() const {
  return wants(Kind::sysv_shm) || wants(Kind::posix_shm) || wants(Kind::posix_semaphore) || wants(Kind::memfd) ||
         wants(Kind::channel) || wants(Kind::topic) || wants(Kind::latest) || wants(Kind::queue);
}

Result<void> ProcessReader::read(const Directory& proc, pid_t pid) {
  const auto folder = proc.open_below(NumberedPath{"", pid}.get());
  if (!folder) {
    if (is_out_of_means(folder.error())) return std::unexpected{folder.error()};
    return {};
  }
  auto facts = read_facts(*folder, pid);
  if (!facts) return {};
  // A leader that has ended has let go of everything, and its other threads have it all: the first of them speaks for it.
  std::optional<std::pair<pid_t, Directory>> other;
  if (!facts->alive() && facts->threads > 1) other = living_thread(*folder, facts->state);
  if (!facts->kernel_thread && facts->alive()) {
    const Directory& speaker = other ? other->second : *folder;
    if (other) {
      --facts->threads;
      read_whereabouts(speaker, *facts);
    }
    spaces_.visit_those_of(*facts, speaker);
    facts->descriptors_readable = read_descriptors(speaker, pid, pid);
    if (wants_mappings() || options_.waits) facts->mappings_readable = read_mappings(speaker, pid);
    facts->waits_readable = read_threads(*folder, pid, other ? other->first : pid);
  }
  // What ended while it was read leaves half of its facts behind, which hold for the time when they were read.
  if (!facts->descriptors_readable || !facts->mappings_readable) {
    if (!folder->read_file("stat", text_)) return {};
    census_.unreadable.push_back(pid);
  }
  census_.processes.push_back(std::move(*facts));
  return {};
}

std::optional<ProcessInfo> ProcessReader::read_facts(const Directory& folder, pid_t pid) {
  if (!folder.read_file("stat", text_)) return std::nullopt;
  const auto stat = parse_stat(text_);
  if (!stat) return std::nullopt;
  ProcessInfo facts;
  facts.pid = pid;
  facts.parent = stat->parent;
  facts.start_ticks = stat->start_ticks;
  facts.state = stat->state;
  facts.kernel_thread = stat->kernel_thread;
  facts.command = stat->command;
  facts.threads = stat->threads;
  threads_ = stat->threads;
  processor_ = stat->processor;
  if (facts.kernel_thread) return facts;

  if (folder.read_file("status", text_)) {
    const ProcessStatus status = parse_status(text_);
    if (status.real_user) facts.user = *status.real_user;
    if (status.pending != 0 && wants(Kind::signal)) census_.signals.push_back({pid, status});
  }
  read_whereabouts(folder, facts);
  return facts;
}

void ProcessReader::read_whereabouts(const Directory& folder, ProcessInfo& facts) {
  facts.ipc_namespace = read_namespace(folder, "ns/ipc");
  facts.network_namespace = read_namespace(folder, "ns/net");
  facts.mount_namespace = read_namespace(folder, "ns/mnt");
  facts.pid_namespace = read_namespace(folder, "ns/pid");
  facts.user_namespace = read_namespace(folder, "ns/user");
  if (folder.read_file("cgroup", text_)) facts.cgroup = parse_cgroup(text_);
}

void ProcessReader::visit_own_spaces(const Directory& proc) {
  const auto self = proc.open_below("self");
  const auto pid = proc.read_link("self", text_) ? to_number<pid_t>(text_) : std::nullopt;
  if (!self || !pid) return;
  ProcessInfo facts;
  facts.pid = *pid;
  read_whereabouts(*self, facts);
  spaces_.visit_those_of(facts, *self);
}

std::optional<std::pair<pid_t, Directory>> ProcessReader::living_thread(const Directory& folder, char& state) {
  std::optional<std::pair<pid_t, Directory>> found;
  auto tasks = folder.open_below("task");
  if (!tasks) return found;
  static_cast<void>(tasks->for_each([&](const char* name, FileType) {
    auto task = tasks->open_below(name);
    const auto tid = to_number<pid_t>(name);
    if (!task || !tid || !task->read_file("stat", text_)) return true;
    const auto stat = parse_stat(text_);
    if (!stat || stat->state == 'Z' || stat->state == 'X') return true;
    state = stat->state;
    found.emplace(*tid, std::move(*task));
    return false;
  }));
  return found;
}

Fact<std::uint64_t> ProcessReader::read_namespace(const Directory& folder, const char* link) {
  if (!folder.read_link(link, text_)) return Fact<std::uint64_t>::missing("another user's process");
  const auto inode = parse_bracketed(text_);
  return inode ? Fact<std::uint64_t>{*inode} : Fact<std::uint64_t>::missing("not told by this kernel");
}

bool ProcessReader::read_descriptors(const Directory& folder, pid_t pid, pid_t tid) {
  auto fds = folder.open_below("fd");
  if (!fds) return false;
  bool may_be_followed = true;
  const auto listed = fds->for_each([&](const char* name, FileType) {
    if (const auto fd = to_number<int>(name)) may_be_followed = read_descriptor(*fds, folder, pid, tid, *fd);
    return may_be_followed;
  });
  return listed && may_be_followed;
}

bool ProcessReader::is_of_interest(const FileStatus& status) const {
  switch (status.type) {
    case FileType::fifo:
    case FileType::socket:
      return true;
    case FileType::regular:
    case FileType::none:
    case FileType::directory:
      return status.device == landmarks_.anonymous || status.device == landmarks_.memory ||
             spaces_.keeps_ipc_files(status.device) || locked_inodes_.contains(status.inode);
    default:
      return false;
  }
}

bool ProcessReader::read_descriptor(const Directory& fds, const Directory& folder, pid_t pid, pid_t tid, int fd) {
  const NumberedPath name{"", fd};
  const auto status = fds.status(name.get(), Follow::yes);
  if (!status) return status.error().code() != EACCES && status.error().code() != EPERM;
  if (!is_of_interest(*status)) return true;
  OpenFile file{
      .pid = pid, .tid = tid, .fd = fd, .access = Access::read_write, .status = *status, .target = {}, .info = {}};
  if (status->type != FileType::socket)
    if (const auto link = fds.status(name.get(), Follow::no)) file.access = access_of_link(link->mode);

  const bool is_anonymous = status->device == landmarks_.anonymous;
  const bool is_unnamed = status->type == FileType::socket || status->device == landmarks_.pipes;
  if (!is_unnamed && fds.read_link(name.get(), text_)) file.target = text_;
  const bool may_be_locked = !is_anonymous && locked_inodes_.contains(status->inode) && !is_unnamed;
  const bool has_mail = status->type == FileType::socket && spaces_.has_mail(status->inode);
  if ((is_anonymous || may_be_locked || has_mail) && folder.read_file(NumberedPath{"fdinfo/", fd}.get(), text_))
    file.info = text_;
  spaces_.visit_folder_of(file.target, folder);
  look_closer(file);
  census_.files.push_back(std::move(file));
  return true;
}

/// A writing end alone tells whether a pipe is full: see look_into_pipes() for those that nobody writes to.
void ProcessReader::look_closer(const OpenFile& file) {
  const bool is_pipe = !pipes_ && file.status.type == FileType::fifo && writes(file.access);
  const bool is_memfd = file.status.device == landmarks_.memory && file.target.starts_with("/memfd:");
  if (is_pipe || is_memfd) ask_copy_of(file);
}

void ProcessReader::look_into_pipes() {
  const bool is_asked = pipes_ && ask_program();
  census_.pipes_by_program = is_asked;
  // Which pipe the kernel does not know any more was closed meanwhile.
  const auto was_closed = [&](const OpenFile& file) {
    return is_asked && file.status.device == landmarks_.pipes &&
           !census_.insights.contains({file.status.device, file.status.inode});
  };
  // First those that write, as above, and then those of which nobody does.
  for (const bool writing : {true, false})
    for (const OpenFile& file : census_.files)
      if (file.status.type == FileType::fifo && writes(file.access) == writing && !was_closed(file)) ask_copy_of(file);
}

/// What is not answered here is asked through a copy: a FIFO whose file system shows other numbers than the kernel keeps, and of a
/// pipe with very much in it how much that is.
bool ProcessReader::ask_program() {
  const auto states = pipes_->read();
  if (!states) return false;
  for (const PipeState& state : *states) {
    Insight& insight = census_.insights[{state.device, state.inode}];
    if (state.waiting)
      insight.pipe = PipeStatus{.waiting = *state.waiting, .capacity = state.capacity, .full = state.full};
    insight.ends = std::pair{state.readers, state.writers};
  }
  return true;
}

Result<UniqueFd> ProcessReader::copy_of(const OpenFile& file) {
  if (file.tid != file.pid) return copy_descriptor_of_thread(file.tid, file.fd);
  const Process* process = hold(file.pid);
  if (process == nullptr) return std::unexpected{Error{ESRCH, "pidfd_open", "pid " + std::to_string(file.pid)}};
  return copy_descriptor(*process, file.fd);
}

void ProcessReader::ask_copy_of(const OpenFile& file) {
  Insight& insight = census_.insights[{file.status.device, file.status.inode}];
  if (insight.pipe || insight.seals) return;

  const auto copy = copy_of(file);
  if (!copy) return;
  // Since the number was looked at it may have been closed and given to another file.
  const auto what = file_status(copy->get());
  if (!what || what->device != file.status.device || what->inode != file.status.inode) return;
  if (file.status.type == FileType::fifo) {
    if (const auto status = pipe_status(copy->get())) insight.pipe = *status;
  } else {
    if (const auto seals = memfd_seals(copy->get())) insight.seals = *seals;
  }
}

bool ProcessReader::read_mappings(const Directory& folder, pid_t pid) {
  if (!map_.open(folder)) return false;
  const auto may_be_of_interest = [this](const MappingStatus& mapping) {
    return mapping.shared || mapping.device == landmarks_.memory || spaces_.keeps_ipc_files(mapping.device);
  };
  return map_.for_each_file(may_be_of_interest, [&](const MappingStatus& mapping, const std::string& path) {
    const bool is_segment = path.starts_with(segment_prefix);
    const bool is_memory = mapping.device == landmarks_.memory && path.starts_with("/memfd:");
    if (!is_segment && !is_memory && !spaces_.keeps_ipc_files(mapping.device)) return;
    census_.mappings.push_back({.pid = pid,
                                .device = mapping.device,
                                .inode = mapping.inode,
                                .start = mapping.start,
                                .origin = origin_of(folder, mapping),
                                .access = mapping.writable   ? Access::read_write
                                          : mapping.readable ? Access::read
                                                             : Access::none,
                                .path = path});
  });
}

/// The file behind a mapping, which may have no name and no descriptor left. Its link can be followed with CAP_CHECKPOINT_RESTORE.
std::optional<MappedFile::Origin> ProcessReader::origin_of(const Directory& folder, const MappingStatus& mapping) {
  path_ = "map_files/" + to_hexadecimal(mapping.start) + "-" + to_hexadecimal(mapping.end);
  const auto status = folder.status(path_.c_str(), Follow::yes);
  if (!status) return std::nullopt;
  const auto handle = folder.handle(path_.c_str());
  return MappedFile::Origin{.status = *status, .handle = handle ? *handle : 0};
}

/// `speaker` is the thread whose table was read as that of the process.
bool ProcessReader::read_threads(const Directory& folder, pid_t pid, pid_t speaker) {
  if (threads_ == 1) return read_thread(folder, pid, pid);
  auto tasks = folder.open_below("task");
  if (!tasks) return false;
  bool are_readable = true;
  static_cast<void>(tasks->for_each([&](const char* name, FileType) {
    const auto tid = to_number<pid_t>(name);
    if (!tid) return true;
    census_.process_of_thread[*tid] = pid;
    const auto task = tasks->open_below(name);
    if (!task) return true;
    const auto shares = *tid == speaker || *tid == pid ? Result<bool>{true} : shares_descriptors(speaker, *tid);
    if (shares && !*shares) static_cast<void>(read_descriptors(*task, pid, *tid));
    are_readable = read_thread(*task, pid, *tid) && are_readable;
    return true;
  }));
  return are_readable;
}

bool ProcessReader::read_thread(const Directory& thread, pid_t pid, pid_t tid) {
  if (!options_.waits) return false;
  if (const auto read = thread.read_file("syscall", text_); !read) return read.error().code() == ESRCH;
  const auto call = parse_blocked_call(text_);
  if (!call) return true;
  BlockedThread blocked{
      .pid = pid, .tid = tid, .call = *call, .since = {}, .futex = {}, .opening = {}, .connecting = {}, .poll = {}};
  add_details(thread, blocked);
  census_.blocked.push_back(std::move(blocked));
  return true;
}

const Process* ProcessReader::hold(pid_t pid) {
  if (held_pid_ != pid) {
    held_.reset();
    held_pid_ = pid;
    if (auto process = Process::open(pid)) held_ = std::move(*process);
  }
  return held_ ? &*held_ : nullptr;
}

}  // namespace ginnel::inventory
