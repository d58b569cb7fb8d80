#include "sysv_tables.hpp"

#include <cerrno>
#include <fstream>
#include <sstream>
#include <string>

namespace ginnel::cli {
namespace {

std::istream& read_front(std::istream& line, SysvObject& object) {
  return line >> object.key >> object.id >> std::oct >> object.mode >> std::dec;
}

std::istream& read_owners(std::istream& line, SysvObject& object) {
  return line >> object.uid >> object.gid >> object.creator_uid >> object.creator_gid;
}

std::istream& operator>>(std::istream& line, SegmentRow& row) {
  read_front(line, row) >> row.bytes >> row.creator >> row.last_user >> row.attached;
  return read_owners(line, row) >> row.attach_time >> row.detach_time >> row.change_time;
}

std::istream& operator>>(std::istream& line, QueueRow& row) {
  read_front(line, row) >> row.bytes >> row.messages >> row.last_sender >> row.last_receiver;
  return read_owners(line, row) >> row.send_time >> row.receive_time >> row.change_time;
}

std::istream& operator>>(std::istream& line, SemaphoreSetRow& row) {
  read_front(line, row) >> row.count;
  return read_owners(line, row) >> row.operation_time >> row.change_time;
}

template <class Row>
Result<std::vector<Row>> read_table(const char* path) {
  std::ifstream table{path};
  if (!table) return std::unexpected{Error{ENOENT, "open", path}};
  std::string line;
  std::getline(table, line);  // the titles
  std::vector<Row> rows;
  while (std::getline(table, line)) {
    std::istringstream fields{line};
    Row row;
    if (!(fields >> row)) return std::unexpected{Error{EIO, "read", path, "not of the form that proc(5) describes"}};
    rows.push_back(row);
  }
  return rows;
}

}  // namespace

Result<std::vector<SegmentRow>> read_segments() { return read_table<SegmentRow>("/proc/sysvipc/shm"); }
Result<std::vector<QueueRow>> read_queues() { return read_table<QueueRow>("/proc/sysvipc/msg"); }
Result<std::vector<SemaphoreSetRow>> read_semaphore_sets() { return read_table<SemaphoreSetRow>("/proc/sysvipc/sem"); }

}  // namespace ginnel::cli
