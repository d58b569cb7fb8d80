#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>

#include <cerrno>
#include <cstdlib>
#include <optional>

#include "ipcs.hpp"
#include "sysv_tables.hpp"

// All about one object: `ipcs -m -i ID`.

namespace ginnel::cli::ipcs {
namespace {

constexpr unsigned permission_bits = 0777;

template <class Row>
std::optional<Row> find(const Result<std::vector<Row>>& rows, int id) {
  if (rows)
    for (const Row& row : *rows)
      if (row.id == id) return row;
  voice.complain(fmt::format("id {} not found", id));
  return std::nullopt;
}

/// As the option asks: `cbytes=3200`, or `csize=3.1K`.
std::string size_field(std::string_view letter, std::uint64_t bytes, Sizes sizes) {
  if (sizes == Sizes::human) return fmt::format("{}size={}", letter, human_size(bytes));
  return fmt::format("{}bytes={}", letter, bytes);
}

/// What the queue may hold; 0 where the caller may not read it, since /proc/sysvipc/msg does not tell.
std::uint64_t capacity_of(int id) {
  msqid_ds queue{};
  return ::msgctl(id, IPC_STAT, &queue) < 0 ? 0 : queue.msg_qbytes;
}

void print_queue(const QueueRow& row, Sizes sizes) {
  put("\nMessage Queue msqid={}\n", row.id);
  put("uid={}\tgid={}\tcuid={}\tcgid={}\tmode={:#o}\n", row.uid, row.gid, row.creator_uid, row.creator_gid,
      row.mode & permission_bits);
  put("{}\t{}\tqnum={}\tlspid={}\tlrpid={}\n", size_field("c", row.bytes, sizes),
      size_field("q", capacity_of(row.id), sizes), row.messages, row.last_sender, row.last_receiver);
  put("send_time={:<26}\n", long_time(row.send_time));
  put("rcv_time={:<26}\n", long_time(row.receive_time));
  put("change_time={:<26}\n\n", long_time(row.change_time));
}

void print_segment(const SegmentRow& row, Sizes sizes) {
  put("\nShared memory Segment shmid={}\n", row.id);
  put("uid={}\tgid={}\tcuid={}\tcgid={}\n", row.uid, row.gid, row.creator_uid, row.creator_gid);
  put("mode={:#o}\taccess_perms={:#o}\n", row.mode, row.mode & permission_bits);
  put("{}\tlpid={}\tcpid={}\tnattch={}\n", size_field("", row.bytes, sizes), row.last_user, row.creator, row.attached);
  put("att_time={:<26}\n", long_time(row.attach_time));
  put("det_time={:<26}\n", long_time(row.detach_time));
  put("change_time={:<26}\n\n", long_time(row.change_time));
}

struct SemaphoreState {
  int value = 0;
  int waiting_for_increase = 0;
  int waiting_for_zero = 0;
  int last_pid = 0;
};

/// Nothing, and errno, where the caller may not read the set or it has gone.
std::optional<SemaphoreState> state_of(int id, int index) {
  SemaphoreState state;
  state.value = ::semctl(id, index, GETVAL);
  if (state.value < 0) return std::nullopt;
  state.waiting_for_increase = ::semctl(id, index, GETNCNT);
  state.waiting_for_zero = ::semctl(id, index, GETZCNT);
  state.last_pid = ::semctl(id, index, GETPID);
  if (state.waiting_for_increase < 0 || state.waiting_for_zero < 0 || state.last_pid < 0) return std::nullopt;
  return state;
}

int print_semaphore_set(const SemaphoreSetRow& row) {
  std::vector<SemaphoreState> states;
  for (std::uint64_t index = 0; index < row.count; ++index) {
    const auto state = state_of(row.id, static_cast<int>(index));
    if (!state) {
      voice.complain_of(errno, "semctl(GETVAL) failed");
      return EXIT_FAILURE;
    }
    states.push_back(*state);
  }
  put("\nSemaphore Array semid={}\n", row.id);
  put("uid={}\t gid={}\t cuid={}\t cgid={}\n", row.uid, row.gid, row.creator_uid, row.creator_gid);
  put("mode={:#o}, access_perms={:#o}\n", row.mode, row.mode & permission_bits);
  put("nsems = {}\n", row.count);
  put("otime = {:<26}\n", long_time(row.operation_time));
  put("ctime = {:<26}\n", long_time(row.change_time));
  put("{:<10} {:<10} {:<10} {:<10} {:<10}\n", "semnum", "value", "ncount", "zcount", "pid");
  std::size_t index = 0;
  for (const SemaphoreState& state : states)
    put("{:<10} {:<10} {:<10} {:<10} {:<10}\n", index++, state.value, state.waiting_for_increase,
        state.waiting_for_zero, state.last_pid);
  put("\n");
  return EXIT_SUCCESS;
}

}  // namespace

// An object that is not there is said and is no failure, as with the tool.
int print_object(Kind kind, int id, Sizes sizes) {
  switch (kind) {
    case Kind::queue:
      if (const auto row = find(read_queues(), id)) print_queue(*row, sizes);
      return EXIT_SUCCESS;
    case Kind::segment:
      if (const auto row = find(read_segments(), id)) print_segment(*row, sizes);
      return EXIT_SUCCESS;
    case Kind::semaphore_set:
      if (const auto row = find(read_semaphore_sets(), id)) return print_semaphore_set(*row);
      return EXIT_SUCCESS;
  }
  return EXIT_FAILURE;
}

}  // namespace ginnel::cli::ipcs
