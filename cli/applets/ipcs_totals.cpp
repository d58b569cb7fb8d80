#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <unistd.h>

#include <algorithm>
#include <limits>

#include "ipcs.hpp"
#include "semaphore_argument.hpp"

// The limits of the kernel, and what is in use of them: IPC_INFO and its relatives, which need no permission and no /proc.

namespace ginnel::cli::ipcs {
namespace {

/// `max seg size (kbytes) = 12`: the unit belongs to the title, or to the figure.
void print_size(std::string_view title, std::uint64_t bytes, Sizes sizes, bool usually_kbytes = false) {
  switch (sizes) {
    case Sizes::human:
      return put("{} = {}\n", title, human_size(bytes));
    case Sizes::usual:
      if (usually_kbytes) return put("{} (kbytes) = {}\n", title, bytes / 1024);
      [[fallthrough]];
    case Sizes::bytes:
      return put("{} (bytes) = {}\n", title, bytes);
  }
}

/// The limit is kept in pages; "no limit" is more of them than can be told in bytes, or even in KiB: then as many as can be.
void print_most_pages(std::string_view title, std::uint64_t pages, Sizes sizes) {
  const auto page_bytes = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  const std::uint64_t unit = sizes == Sizes::usual ? page_bytes / 1024 : page_bytes;
  const std::uint64_t amount = std::min(pages, std::numeric_limits<std::uint64_t>::max() / unit) * unit;
  if (sizes == Sizes::usual) return put("{} (kbytes) = {}\n", title, amount);
  print_size(title, amount, sizes);
}

void print_queue_limits(Sizes sizes) {
  msginfo limits{};
  if (::msgctl(0, IPC_INFO, reinterpret_cast<msqid_ds*>(&limits)) < 0) return tell_missing(Kind::queue);
  put("------ Messages Limits --------\n");
  put("max queues system wide = {}\n", limits.msgmni);
  print_size("max size of message", static_cast<std::uint64_t>(limits.msgmax), sizes);
  print_size("default max size of queue", static_cast<std::uint64_t>(limits.msgmnb), sizes);
}

void print_segment_limits(Sizes sizes) {
  shminfo limits{};
  if (::shmctl(0, IPC_INFO, reinterpret_cast<shmid_ds*>(&limits)) < 0) return tell_missing(Kind::segment);
  put("------ Shared Memory Limits --------\n");
  put("max number of segments = {}\n", limits.shmmni);
  print_size("max seg size", limits.shmmax, sizes, true);
  print_most_pages("max total shared memory", limits.shmall, sizes);
  print_size("min seg size", limits.shmmin, sizes);
}

void print_semaphore_limits() {
  seminfo limits{};
  if (::semctl(0, 0, IPC_INFO, SemaphoreArgument{.info = &limits}) < 0) return tell_missing(Kind::semaphore_set);
  put("------ Semaphore Limits --------\n");
  put("max number of arrays = {}\n", limits.semmni);
  put("max semaphores per array = {}\n", limits.semmsl);
  put("max semaphores system wide = {}\n", limits.semmns);
  put("max ops per semop call = {}\n", limits.semopm);
  put("semaphore max value = {}\n", limits.semvmx);
}

void print_queue_summary(Sizes sizes) {
  msginfo used{};  // MSG_INFO fills these members with queues, messages and bytes: msgctl(2)
  if (::msgctl(0, MSG_INFO, reinterpret_cast<msqid_ds*>(&used)) < 0) return tell_missing(Kind::queue);
  put("------ Messages Status --------\n");
  put("allocated queues = {}\n", used.msgpool);
  put("used headers = {}\n", used.msgmap);
  if (sizes == Sizes::usual) return put("used space = {} bytes\n", used.msgtql);
  print_size("used space", static_cast<std::uint64_t>(used.msgtql), sizes);
}

void print_segment_summary() {
  shm_info used{};
  if (::shmctl(0, SHM_INFO, reinterpret_cast<shmid_ds*>(&used)) < 0) return tell_missing(Kind::segment);
  put("------ Shared Memory Status --------\n");
  put("segments allocated {}\n", used.used_ids);
  put("pages allocated {}\n", used.shm_tot);
  put("pages resident  {}\n", used.shm_rss);
  put("pages swapped   {}\n", used.shm_swp);
  put("Swap performance: {} attempts\t {} successes\n", used.swap_attempts, used.swap_successes);
}

void print_semaphore_summary() {
  seminfo used{};  // SEM_INFO fills these members with sets and semaphores: semctl(2)
  if (::semctl(0, 0, SEM_INFO, SemaphoreArgument{.info = &used}) < 0) return tell_missing(Kind::semaphore_set);
  put("------ Semaphore Status --------\n");
  put("used arrays = {}\n", used.semusz);
  put("allocated semaphores = {}\n", used.semaem);
}

}  // namespace

void print_limits(Kind kind, Sizes sizes) {
  switch (kind) {
    case Kind::queue:
      return print_queue_limits(sizes);
    case Kind::segment:
      return print_segment_limits(sizes);
    case Kind::semaphore_set:
      return print_semaphore_limits();
  }
}

void print_summary(Kind kind, Sizes sizes) {
  switch (kind) {
    case Kind::queue:
      return print_queue_summary(sizes);
    case Kind::segment:
      return print_segment_summary();
    case Kind::semaphore_set:
      return print_semaphore_summary();
  }
}

}  // namespace ginnel::cli::ipcs
