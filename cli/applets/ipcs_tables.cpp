#include <sys/shm.h>

#include "ipcs.hpp"
#include "sysv_tables.hpp"

// The lists: for each kind of object the titles of a format, and one row.

namespace ginnel::cli::ipcs {
namespace {

constexpr unsigned permission_bits = 0777;

/// The same for all kinds.
void print_creators(const SysvObject& object) {
  put("{:<10} {:<10o} {:<10} {:<10} {:<10} {:<10}\n", object.id, object.mode & permission_bits,
      user_name(object.creator_uid), group_name(object.creator_gid), user_name(object.uid), group_name(object.gid));
}

/// How the list of any kind begins.
void print_front(const SysvObject& object) {
  put("0x{:08x} {:<10} {:<10.10} {:<10o} ", static_cast<std::uint32_t>(object.key), object.id, user_name(object.uid),
      object.mode & permission_bits);
}

/// A size and the gap behind it: at the left of its column, or as a short figure at the right of six places.
void print_size(std::uint64_t bytes, int column_width, Sizes sizes) {
  if (sizes == Sizes::human) {
    put("{:>6}{:{}} ", human_size(bytes), "", column_width - 6);
  } else {
    put("{:<{}} ", bytes, column_width);
  }
}

struct QueueTable {
  static void print_titles(Format format, Sizes sizes) {
    switch (format) {
      case Format::times:
        return put("------ Message Queues Send/Recv/Change Times --------\n{:<8} {:<10} {:<20} {:<20} {:<20}\n",
                   "msqid", "owner", "send", "recv", "change");
      case Format::pids:
        return put("------ Message Queues PIDs --------\n{:<10} {:<10} {:<10} {:<10}\n", "msqid", "owner", "lspid",
                   "lrpid");
      case Format::creators:
        return put("------ Message Queues Creators/Owners --------\n{:<10} {:<10} {:<10} {:<10} {:<10} {:<10}\n",
                   "msqid", "perms", "cuid", "cgid", "uid", "gid");
      default:
        return put("------ Message Queues --------\n{:<10} {:<10} {:<10} {:<10} {:<12} {:<12}\n", "key", "msqid",
                   "owner", "perms", sizes == Sizes::human ? "size" : "used-bytes", "messages");
    }
  }

  static void print_row(const QueueRow& row, Format format, Sizes sizes) {
    switch (format) {
      case Format::times:
        return put("{:<8} {:<10.10} {:<20} {:<20} {:<20}\n", row.id, user_name(row.uid), short_time(row.send_time),
                   short_time(row.receive_time), short_time(row.change_time));
      case Format::pids:
        return put("{:<8} {:<10.10}  {:5}     {:5}\n", row.id, user_name(row.uid), row.last_sender, row.last_receiver);
      case Format::creators:
        return print_creators(row);
      default:
        print_front(row);
        print_size(row.bytes, 12, sizes);
        return put("{:<12}\n", row.messages);
    }
  }
};

struct SegmentTable {
  static void print_titles(Format format, Sizes sizes) {
    switch (format) {
      case Format::times:
        return put("------ Shared Memory Attach/Detach/Change Times --------\n{:<10} {:<10} {:<20} {:<20} {:<20}\n",
                   "shmid", "owner", "attached", "detached", "changed");
      case Format::pids:
        return put("------ Shared Memory Creator/Last-op PIDs --------\n{:<10} {:<10} {:<10} {:<10}\n", "shmid",
                   "owner", "cpid", "lpid");
      case Format::creators:
        return put("------ Shared Memory Segment Creators/Owners --------\n{:<10} {:<10} {:<10} {:<10} {:<10} {:<10}\n",
                   "shmid", "perms", "cuid", "cgid", "uid", "gid");
      default:
        return put("------ Shared Memory Segments --------\n{:<10} {:<10} {:<10} {:<10} {:<10} {:<10} {:<12}\n", "key",
                   "shmid", "owner", "perms", sizes == Sizes::human ? "size" : "bytes", "nattch", "status");
    }
  }

  static void print_row(const SegmentRow& row, Format format, Sizes sizes) {
    switch (format) {
      case Format::times:
        return put("{:<10} {:<10.10} {:<20} {:<20} {:<20}\n", row.id, user_name(row.uid), short_time(row.attach_time),
                   short_time(row.detach_time), short_time(row.change_time));
      case Format::pids:
        return put("{:<10} {:<10.10} {:<10} {:<10}\n", row.id, user_name(row.uid), row.creator, row.last_user);
      case Format::creators:
        return print_creators(row);
      default:
        print_front(row);
        print_size(row.bytes, 10, sizes);
        return put("{:<10} {:<6} {:<6}\n", row.attached, (row.mode & SHM_DEST) != 0 ? "dest" : "",
                   (row.mode & SHM_LOCKED) != 0 ? "locked" : "");
    }
  }
};

struct SemaphoreSetTable {
  static void print_titles(Format format, Sizes) {
    switch (format) {
      case Format::times:
        return put("------ Semaphore Operation/Change Times --------\n{:<8} {:<10} {:<26} {:<26}\n", "semid", "owner",
                   "last-op", "last-changed");
      case Format::pids:
        return;  // the kernel knows a process for each semaphore, not for the set
      case Format::creators:
        return put("------ Semaphore Arrays Creators/Owners --------\n{:<10} {:<10} {:<10} {:<10} {:<10} {:<10}\n",
                   "semid", "perms", "cuid", "cgid", "uid", "gid");
      default:
        return put("------ Semaphore Arrays --------\n{:<10} {:<10} {:<10} {:<10} {:<10}\n", "key", "semid", "owner",
                   "perms", "nsems");
    }
  }

  static void print_row(const SemaphoreSetRow& row, Format format, Sizes) {
    switch (format) {
      case Format::times:
        return put("{:<8} {:<10.10}  {:<26} {:<26}\n", row.id, user_name(row.uid), long_time(row.operation_time),
                   long_time(row.change_time));
      case Format::pids:
        return;
      case Format::creators:
        return print_creators(row);
      default:
        print_front(row);
        return put("{:<10}\n", row.count);
    }
  }
};

template <class Table, class Rows>
void print_all(Kind kind, const Result<Rows>& rows, Format format, Sizes sizes) {
  if (!rows) return tell_missing(kind);
  Table::print_titles(format, sizes);
  for (const auto& row : *rows) Table::print_row(row, format, sizes);
}

}  // namespace

void print_table(Kind kind, Format format, Sizes sizes) {
  switch (kind) {
    case Kind::queue:
      return print_all<QueueTable>(kind, read_queues(), format, sizes);
    case Kind::segment:
      return print_all<SegmentTable>(kind, read_segments(), format, sizes);
    case Kind::semaphore_set:
      return print_all<SemaphoreSetTable>(kind, read_semaphore_sets(), format, sizes);
  }
}

}  // namespace ginnel::cli::ipcs
