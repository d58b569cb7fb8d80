#include "sysv_kind.hpp"

#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>

#include "semaphore_argument.hpp"

namespace ginnel::cli {
namespace {

int find_segment(key_t key) { return ::shmget(key, 0, 0); }
int find_queue(key_t key) { return ::msgget(key, 0); }
int find_set(key_t key) { return ::semget(key, 0, 0); }

int remove_segment(int id) { return ::shmctl(id, IPC_RMID, nullptr); }
int remove_queue(int id) { return ::msgctl(id, IPC_RMID, nullptr); }
int remove_set(int id) { return ::semctl(id, 0, IPC_RMID); }

int highest_segment() {
  shm_info info{};
  return ::shmctl(0, SHM_INFO, reinterpret_cast<shmid_ds*>(&info));
}

int highest_queue() {
  msginfo info{};
  return ::msgctl(0, MSG_INFO, reinterpret_cast<msqid_ds*>(&info));
}

int highest_set() {
  seminfo info{};
  return ::semctl(0, 0, SEM_INFO, SemaphoreArgument{.info = &info});
}

int segment_at(int index) {
  shmid_ds segment{};
  return ::shmctl(index, SHM_STAT, &segment);
}

int queue_at(int index) {
  msqid_ds queue{};
  return ::msgctl(index, MSG_STAT, &queue);
}

int set_at(int index) {
  semid_ds set{};
  return ::semctl(index, 0, SEM_STAT, SemaphoreArgument{.set = &set});
}

}  // namespace

const SysvKind sysv_shm_kind{"shm", "shared memory segment", find_segment, remove_segment, highest_segment, segment_at};
const SysvKind sysv_msg_kind{"msg", "message queue", find_queue, remove_queue, highest_queue, queue_at};
const SysvKind sysv_sem_kind{"sem", "semaphore", find_set, remove_set, highest_set, set_at};

const SysvKind* sysv_kind_named(std::string_view word) noexcept {
  for (const SysvKind* kind : {&sysv_shm_kind, &sysv_msg_kind, &sysv_sem_kind})
    if (kind->word == word) return kind;
  return nullptr;
}

}  // namespace ginnel::cli
