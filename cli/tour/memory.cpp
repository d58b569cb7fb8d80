#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <span>
#include <string>

#include "ginnel/sys/ancillary.hpp"
#include "ginnel/sys/cross_memory.hpp"
#include "ginnel/sys/shared_memory.hpp"
#include "ginnel/sys/unix_socket.hpp"
#include "tour/shared_words.hpp"
#include "tour/stops.hpp"

// Shared memory of the three kinds, and memory that is not shared at all.

namespace ginnel::cli::tour {
namespace {

constexpr Bytes memory_size = Bytes::mib(1);
/// Kept free of the pattern for the two words that the timing turns on.
constexpr std::size_t words_size = 128;

void copy_pattern_into(std::span<std::byte> memory, const Message& content) {
  std::ranges::copy(content, memory.subspan(words_size).begin());
}

Verdict judge_content(const Message& content, std::span<const std::byte> memory) {
  return judge_bytes(content, memory.subspan(words_size, content.size()));
}

/// Answers each new number in the first word with the same in the second, until killed.
[[noreturn]] void answer_words(std::span<std::byte> memory) {
  FutexWord& asked = word_at(memory, 0);
  FutexWord& answered = word_at(memory, 1);
  for (std::uint32_t round = 1;; ++round) {
    spin_until(asked, round);
    answered.store(round, std::memory_order_release);
  }
}

void time_words(Visit& visit, std::span<std::byte> memory) {
  FutexWord& asked = word_at(memory, 0);
  FutexWord& answered = word_at(memory, 1);
  std::uint32_t round = 0;
  visit.time_round_trips([&] {
    asked.store(++round, std::memory_order_release);
    spin_until(answered, round);
  });
}

bool all_allocated(int fd) {
  constexpr std::uint64_t block = 512;
  struct stat status{};
  return ::fstat(fd, &status) == 0 &&
         static_cast<std::uint64_t>(status.st_blocks) * block >= static_cast<std::uint64_t>(status.st_size);
}

}  // namespace

void visit_posix_shm(Visit& visit) {
  const Message content = pattern(memory_size.count() - words_size);
  auto shm = must(PosixShm::create(visit.names().object(), memory_size));
  visit.guarantee("allocated at creation", judge_outcome("all pages allocated", all_allocated(shm.descriptor())));
  auto memory = must(shm.map_read_write());
  Partner partner{visit, [&](Line& line) {
                    const auto same =
                        must(PosixShm::open(visit.names().object(), PosixShm::Access::read_write, ::geteuid()));
                    const auto mine = must(same.map_read_write());
                    copy_pattern_into(mine.bytes(), content);
                    line.ready();
                    answer_words(mine.bytes());
                  }};
  partner.wait_until_ready();
  must(PosixShm::unlink(visit.names().object()));
  visit.guarantee("both see the same bytes, also after the name has gone", judge_content(content, memory.bytes()));
  time_words(visit, memory.bytes());
  partner.kill();
  visit.at_peer_death("nobody is told; the bytes stay", judge_content(content, memory.bytes()));
}

void visit_sysv_shm(Visit& visit) {
  const Message content = pattern(memory_size.count() - words_size);
  auto segment = must(SysvShm::create(visit.names().key(), memory_size));
  auto memory = must(segment.attach_read_write());
  Partner partner{visit, [&](Line& line) {
                    const auto same = must(SysvShm::open({.key = visit.names().key(), .id = std::nullopt}));
                    const auto mine = must(same.attach_read_write());
                    copy_pattern_into(mine.bytes(), content);
                    line.ready();
                    answer_words(mine.bytes());
                  }};
  partner.wait_until_ready();
  must(segment.remove());
  visit.guarantee("both see the same bytes, also after removal", judge_content(content, memory.bytes()));
  visit.guarantee("removal waits for the last user",
                  judge_outcome("pending", must(segment.statistics()).removal_pending));
  time_words(visit, memory.bytes());
  const auto before = must(segment.statistics()).attached;
  partner.kill();
  visit.at_peer_death("the bytes stay", judge_content(content, memory.bytes()));
  // A forked process has its parent's attachment as well as its own.
  visit.at_peer_death("the count of users falls",
                      judge_number("users", before - 2, must(segment.statistics()).attached));
}

namespace {

constexpr Seals all_seals = Seals::seal | Seals::shrink | Seals::grow | Seals::write;

Memfd make_sealed(const Message& content) {
  auto memfd = must(Memfd::create("ginnel-tour", Bytes{content.size()}));
  {
    const auto memory = must(memfd.map_read_write());
    std::ranges::copy(content, memory.bytes().begin());
  }
  must(memfd.add_seals(all_seals));
  return memfd;
}

void pass(UnixSeqpacket& socket, int fd) {
  (void)must_be<BytesWritten>(send_descriptors(socket.pollable(), as_bytes("!"), std::array{fd}, patience()));
}

UniqueFd receive_passed(UnixSeqpacket& socket, Deadline deadline = patience()) {
  std::array<std::byte, 1> byte{};
  auto got = must_be<ReceivedWithDescriptors>(receive_descriptors(socket.pollable(), byte, deadline));
  return std::move(got.descriptors.at(0));
}

}  // namespace

void visit_memfd(Visit& visit) {
  const Message content = pattern(65'536);
  auto [near, far] = must(UnixSeqpacket::pair());
  Partner maker{visit, [&](Line&) {
                  pass(far, must(Memfd::create("ginnel-tour", Bytes{4096})).descriptor());
                  pass(far, make_sealed(content).descriptor());
                  while (true) {
                    const auto checked =
                        must(Memfd::adopt(receive_passed(far, Deadline::never()), all_seals, Bytes::mib(1)));
                    pass(far, checked.descriptor());
                  }
                }};
  const auto unsealed = Memfd::adopt(receive_passed(near), all_seals, Bytes::mib(1));
  visit.guarantee("one without its seals is refused",
                  judge_outcome("refused with EPERM", !unsealed && unsealed.error().code() == EPERM));
  auto memfd = must(Memfd::adopt(receive_passed(near), all_seals, Bytes::mib(1)));
  const auto memory = must(memfd.map_read_only());
  visit.guarantee("every byte, without a name", judge_bytes(content, memory.bytes()));
  visit.guarantee("once sealed nobody can write",
                  judge_outcome("a refusal to map for writing", !memfd.map_read_write()));
  visit.guarantee("nor shrink it", judge_outcome("a refusal to shrink", ::ftruncate(memfd.descriptor(), 0) < 0));
  visit.time_round_trips([&] {
    pass(near, memfd.descriptor());
    (void)receive_passed(near);
  });
  maker.kill();
  visit.at_peer_death("the bytes stay with the receiver", judge_bytes(content, memory.bytes()));
}

void visit_cross_memory(Visit& visit) {
  // The partner has its own copy of this at the same address.
  const Message content = pattern(200'000, 7);
  Message memory(content.size());
  const auto address = reinterpret_cast<std::uintptr_t>(memory.data());
  const Process stop = must(Process::self());
  Partner partner{visit, [&](Line& line) {
                    must(allow_access_by(stop));
                    memory = content;
                    if (reinterpret_cast<std::uintptr_t>(memory.data()) != address)
                      throw Broken{"the memory has moved"};
                    line.ready();
                    line.stay();
                  }};
  partner.wait_until_ready();
  Message copy(content.size());
  const auto read = must_be<BytesRead>(read_memory(partner.process(), address, copy));
  visit.guarantee("reads another's memory in one step", judge_number("bytes", content.size(), read.count));
  visit.guarantee("every byte", judge_bytes(content, copy));
  const Message written = pattern(1000, 9);
  (void)must_be<BytesWritten>(write_memory(partner.process(), address + 5000, written));
  (void)must_be<BytesRead>(read_memory(partner.process(), address, copy));
  visit.guarantee("writes there too", judge_bytes(written, std::span{copy}.subspan(5000, written.size())));
  std::array<std::byte, 64> few{};
  visit.time_round_trips([&] {
    (void)must_be<BytesWritten>(write_memory(partner.process(), address, few));
    (void)must_be<BytesRead>(read_memory(partner.process(), address, few));
  });
  partner.kill();
  visit.at_peer_death("the caller is told, never a later owner of the pid",
                      judge_is<PeerGone>(read_memory(partner.process(), address, copy)));
}

}  // namespace ginnel::cli::tour
