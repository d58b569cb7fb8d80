#include "tour/stops.hpp"

#include <array>

namespace ginnel::cli::tour {
namespace {

constexpr std::array stops{
    TourStop{"pipe", visit_pipe},
    TourStop{"pipe-packets", visit_pipe_packets},
    TourStop{"pipeline", visit_pipeline},
    TourStop{"fifo", visit_fifo},
    TourStop{"unix-stream", visit_unix_stream},
    TourStop{"unix-seqpacket", visit_unix_seqpacket},
    TourStop{"unix-datagram", visit_unix_datagram},
    TourStop{"descriptor-passing", visit_descriptor_passing},
    TourStop{"posix-queue", visit_posix_queue},
    TourStop{"sysv-queue", visit_sysv_queue},
    TourStop{"posix-shm", visit_posix_shm},
    TourStop{"sysv-shm", visit_sysv_shm},
    TourStop{"memfd", visit_memfd},
    TourStop{"cross-memory", visit_cross_memory},
    TourStop{"posix-semaphore", visit_posix_semaphore},
    TourStop{"sysv-semaphore", visit_sysv_semaphore},
    TourStop{"robust-mutex", visit_robust_mutex},
    TourStop{"rwlock", visit_rwlock},
    TourStop{"condition", visit_condition},
    TourStop{"futex", visit_futex},
    TourStop{"eventfd", visit_eventfd},
    TourStop{"signals", visit_signals},
    TourStop{"flock", visit_flock},
    TourStop{"range-lock", visit_range_lock},
    TourStop{"namespaces", visit_namespaces},
};

}  // namespace

std::span<const TourStop> all_stops() noexcept { return stops; }

}  // namespace ginnel::cli::tour
