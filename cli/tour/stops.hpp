#pragma once

#include <span>
#include <string_view>

#include "tour/visit.hpp"

namespace ginnel::cli::tour {

/// One mechanism of the tour.
struct TourStop {
  std::string_view mechanism;
  void (*visit)(Visit& visit);
};

/// All of them, in the order of the tour.
[[nodiscard]] std::span<const TourStop> all_stops() noexcept;

void visit_pipe(Visit& visit);
void visit_pipe_packets(Visit& visit);
void visit_pipeline(Visit& visit);
void visit_fifo(Visit& visit);
void visit_unix_stream(Visit& visit);
void visit_unix_seqpacket(Visit& visit);
void visit_unix_datagram(Visit& visit);
void visit_descriptor_passing(Visit& visit);
void visit_posix_queue(Visit& visit);
void visit_sysv_queue(Visit& visit);
void visit_posix_shm(Visit& visit);
void visit_sysv_shm(Visit& visit);
void visit_memfd(Visit& visit);
void visit_cross_memory(Visit& visit);
void visit_posix_semaphore(Visit& visit);
void visit_sysv_semaphore(Visit& visit);
void visit_robust_mutex(Visit& visit);
void visit_rwlock(Visit& visit);
void visit_condition(Visit& visit);
void visit_futex(Visit& visit);
void visit_eventfd(Visit& visit);
void visit_signals(Visit& visit);
void visit_flock(Visit& visit);
void visit_range_lock(Visit& visit);
void visit_namespaces(Visit& visit);

}  // namespace ginnel::cli::tour
