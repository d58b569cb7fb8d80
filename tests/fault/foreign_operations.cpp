#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <memory>
#include <utility>

#include "ginnel/sys/epoll.hpp"
#include "ginnel/sys/file_numbers.hpp"
#include "ginnel/sys/foreign_descriptor.hpp"
#include "ginnel/sys/fork_mark.hpp"
#include "ginnel/sys/inside.hpp"
#include "ginnel/sys/mapping_query.hpp"
#include "ginnel/sys/memfd.hpp"
#include "ginnel/sys/mirrored_mapping.hpp"
#include "ginnel/sys/namespaces.hpp"
#include "ginnel/sys/pipe.hpp"
#include "ginnel/sys/pipe_states.hpp"
#include "ginnel/sys/posix_queue.hpp"
#include "ginnel/sys/posix_queue_files.hpp"
#include "ginnel/sys/process_barrier.hpp"
#include "ginnel/sys/socket_namespace.hpp"
#include "ginnel/sys/unix_diag.hpp"
#include "ginnel/sys/unix_socket.hpp"
#include "operations.hpp"
#include "support/scratch.hpp"

// Looks at what other processes have, and what the messaging in shared memory rests on.

namespace ginnel::fault {
namespace {

constexpr Bytes some_pages = Bytes::kib(16);

using UntilEnd = test::AtEnd<std::function<void()>>;

/// The helper opens a pipe and brings one end of it back.
Result<Carried> make_a_pipe() {
  auto pipe = Pipe::create();
  if (!pipe) return std::unexpected{pipe.error()};
  Carried carried{"text", {}};
  carried.descriptors.push_back(std::move(pipe->read_end));
  return carried;
}

struct ReadyEpoll {
  Epoll set = must(Epoll::create());
  Pipe pipe = must(Pipe::create());
  ReadyEpoll() {
    must(set.add(pipe.read_end.get(), 1));
    if (::write(pipe.write_end.get(), "x", 1) != 1) give_up("write to a pipe");
  }
};

/// Only from Linux 6.11.
std::vector<Operation> mapping_query_operations() {
  const UniqueFd maps{::open("/proc/self/maps", O_RDONLY | O_CLOEXEC)};
  if (const auto asked = query_mapping(maps.get(), 0, MappingChoice::next_file);
      !asked && asked.error().code() == ENOTTY)
    return {};
  return {{"query_mapping", [] {
             return [maps = std::make_shared<UniqueFd>(::open("/proc/self/maps", O_RDONLY | O_CLOEXEC))] {
               return Attempt{report(query_mapping(maps->get(), 0, MappingChoice::next_file))};
             };
           }}};
}

/// Only from Linux 6.9.
std::vector<Operation> thread_operations() {
  if (const auto asked = copy_descriptor_of_thread(::gettid(), 0); !asked && asked.error().code() == EINVAL) return {};
  return {{"copy_descriptor_of_thread",
           [] { return [] { return Attempt{report(copy_descriptor_of_thread(::gettid(), 0))}; }; }}};
}

/// Only where this user may ask the kernel, which has to tell its types.
std::vector<Operation> pipe_states_operations() {
  if (!PipeStates::prepare()) return {};
  return {{"PipeStates::prepare", [] { return [] { return Attempt{report(PipeStates::prepare())}; }; }},
          {"PipeStates::read", [] {
             return [states = std::make_shared<PipeStates>(must(PipeStates::prepare()))] {
               return Attempt{report(states->read())};
             };
           }}};
}

struct WatchingEpoll {
  UniqueFd set{::epoll_create1(EPOLL_CLOEXEC)};
  Pipe pipe = must(Pipe::create());
  WatchingEpoll() {
    epoll_event event{};
    if (::epoll_ctl(set.get(), EPOLL_CTL_ADD, pipe.read_end.get(), &event) != 0) give_up("add to an epoll set");
  }
};

}  // namespace

std::vector<Operation> foreign_operations() {
  std::vector<Operation> all = mapping_query_operations();
  for (auto more : {thread_operations(), pipe_states_operations()}) all.insert(all.end(), more.begin(), more.end());
  const std::vector<Operation> everywhere{
      {"copy_descriptor",
       [] {
         return [self = std::make_shared<Process>(must(Process::self()))] {
           return Attempt{report(copy_descriptor(*self, 0))};
         };
       }},
      {"pipe_status",
       [] {
         return [pipe = std::make_shared<Pipe>(must(Pipe::create()))] {
           return Attempt{report(pipe_status(pipe->write_end.get()))};
         };
       }},
      {"memfd_seals",
       [] {
         return [memfd = std::make_shared<Memfd>(must(Memfd::create("fault", some_pages)))] {
           return Attempt{report(memfd_seals(memfd->descriptor()))};
         };
       }},
      {"compare_descriptions",
       [] { return [self = ::getpid()] { return Attempt{report(compare_descriptions({self, 0}, {self, 1}))}; }; }},
      {"is_watched_as",
       [] {
         return [watching = std::make_shared<WatchingEpoll>(), self = ::getpid()] {
           const int fd = watching->pipe.read_end.get();
           return Attempt{report(is_watched_as({self, watching->set.get()}, fd, {self, fd}))};
         };
       }},
      {"network_namespace_of",
       [] {
         return [pair = std::make_shared<std::pair<UnixStream, UnixStream>>(must(UnixStream::pair()))] {
           return Attempt{report(network_namespace_of(pair->first.pollable()))};
         };
       }},
      {"shows_kernel_numbers",
       [] {
         return [file = std::make_shared<UniqueFd>(::open("/", O_PATH | O_CLOEXEC))] {
           return Attempt{report(shows_kernel_numbers(file->get()))};
         };
       }},
      {"shares_descriptors",
       [] { return [self = ::getpid()] { return Attempt{report(shares_descriptors(self, self))}; }; }},
      {"open_namespace",
       [] {
         return [self = std::make_shared<Process>(must(Process::self()))] {
           return Attempt{report(open_namespace(*self, NamespaceKind::ipc))};
         };
       }},
      {"open_unix_diag", [] { return [] { return Attempt{report(open_unix_diag())}; }; }},
      {"unix_sockets",
       [] {
         return [diag = std::make_shared<UniqueFd>(must(open_unix_diag()))] {
           return Attempt{report(unix_sockets(diag->get()))};
         };
       }},
      {"run_inside",
       [] {
         const auto self = must(Process::self());
         return [space = std::make_shared<UniqueFd>(must(open_namespace(self, NamespaceKind::ipc)))] {
           auto carried = run_inside(std::array{space->get()}, make_a_pipe, Deadline::after(patience));
           if (carried && (carried->bytes != "text" || carried->descriptors.size() != 1))
             return Attempt{"error CUT run_inside"};
           return Attempt{report(carried)};
         };
       }},
      {"posix_queue_directory", [] { return [] { return Attempt{report(posix_queue_directory())}; }; }},
      {"posix_queue_fill",
       [] {
         const std::string name = test::unique_name();
         (void)must(PosixQueue::create(name));
         auto held = std::make_shared<UntilEnd>([name] { (void)PosixQueue::unlink(name); });
         return [held, name = name.substr(1), queues = std::make_shared<Directory>(must(posix_queue_directory()))] {
           return Attempt{report(posix_queue_fill(*queues, name.c_str()))};
         };
       }},
      {"Epoll::create", [] { return [] { return Attempt{report(Epoll::create())}; }; }},
      {"Epoll::add",
       [] {
         return [ready = std::make_shared<ReadyEpoll>()] {
           auto added = ready->set.add(ready->pipe.write_end.get(), 2);
           return Attempt{report(added), [ready] { ready->set.remove(ready->pipe.write_end.get()); }};
         };
       }},
      {"Epoll::wait",
       [] {
         return [ready = std::make_shared<ReadyEpoll>()] {
           std::array<std::uint64_t, 4> keys{};
           return Attempt{report(ready->set.wait(keys, Deadline::after(patience)))};
         };
       }},
      {"Epoll::wait that times out",
       [] {
         return [set = std::make_shared<Epoll>(must(Epoll::create()))] {
           std::array<std::uint64_t, 4> keys{};
           auto waited = set->wait(keys, Deadline::after(std::chrono::milliseconds{2}));
           return Attempt{waited && waited->is<TimedOut>() ? "done" : report(waited)};
         };
       }},
      {"MirroredMapping::map",
       [] {
         return [memfd = std::make_shared<Memfd>(must(Memfd::create("fault", some_pages)))] {
           return Attempt{
               report(MirroredMapping::map(memfd->descriptor(), Bytes{}, some_pages, FileAccess::read_write))};
         };
       }},
      {"ForkMark::create", [] { return [] { return Attempt{report(ForkMark::create())}; }; }},
      {"register_for_process_barriers", [] { return [] { return Attempt{report(register_for_process_barriers())}; }; }},
      {"process_barrier",
       [] {
         must(register_for_process_barriers());
         return [] { return Attempt{report(process_barrier())}; };
       }},
  };
  all.insert(all.end(), everywhere.begin(), everywhere.end());
  return all;
}

}  // namespace ginnel::fault
