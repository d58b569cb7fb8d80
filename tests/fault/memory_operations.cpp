#include <unistd.h>

#include <array>
#include <memory>

#include "ginnel/sys/io.hpp"
#include "ginnel/sys/shared_memory.hpp"
#include "operations.hpp"
#include "support/scratch.hpp"

namespace ginnel::fault {
namespace {

using test::unique_key;
using test::unique_name;

constexpr Bytes some_pages = Bytes::kib(16);

std::shared_ptr<Memfd> ready_memfd() { return std::make_shared<Memfd>(must(Memfd::create("fault", some_pages))); }

struct SysvShmUntilEnd {
  SysvShm segment = must(SysvShm::create(std::nullopt, some_pages));
  SysvShmUntilEnd() = default;
  SysvShmUntilEnd(const SysvShmUntilEnd&) = delete;
  SysvShmUntilEnd& operator=(const SysvShmUntilEnd&) = delete;
  ~SysvShmUntilEnd() { (void)segment.remove(); }
};

using UntilEnd = test::AtEnd<std::function<void()>>;

/// Only where the machine has huge pages of 2M, and free ones.
std::vector<Operation> huge_page_operations() {
  std::vector<Operation> operations;
  const auto free = free_huge_pages(HugePages::mib2);
  if (!free) return operations;
  operations.push_back(
      {"free_huge_pages", [] { return [] { return Attempt{report(free_huge_pages(HugePages::mib2))}; }; }});
  if (*free > 0)
    operations.push_back({"Memfd::create with huge pages", [] {
                            return
                                [] { return Attempt{report(Memfd::create("fault", Bytes::mib(2), HugePages::mib2))}; };
                          }});
  return operations;
}

}  // namespace

std::vector<Operation> memory_operations() {
  std::vector<Operation> all = huge_page_operations();
  const std::vector<Operation> everywhere{
      {"PosixShm::create",
       [] {
         return [name = unique_name()] {
           auto shm = PosixShm::create(name, some_pages);
           if (!shm) return Attempt{report(shm)};
           return Attempt{report(shm), [name] { must(PosixShm::unlink(name)); }};
         };
       }},
      {"PosixShm::open and map",
       [] {
         const std::string name = unique_name();
         (void)must(PosixShm::create(name, some_pages));
         return [name, held = std::make_shared<UntilEnd>([name] { (void)PosixShm::unlink(name); })] {
           auto shm = PosixShm::open(name, PosixShm::Access::read_write, ::geteuid());
           if (!shm) return Attempt{report(shm)};
           auto mapping = shm->map_read_write();
           return Attempt{report(mapping)};
         };
       }},
      {"PosixShm::open and map read-only",
       [] {
         const std::string name = unique_name();
         (void)must(PosixShm::create(name, some_pages));
         return [name, held = std::make_shared<UntilEnd>([name] { (void)PosixShm::unlink(name); })] {
           auto shm = PosixShm::open(name, PosixShm::Access::read_only);
           if (!shm) return Attempt{report(shm)};
           return Attempt{report(shm->map_read_only())};
         };
       }},
      {"PosixShm::unlink",
       [] {
         auto names = std::make_shared<std::vector<std::string>>();
         for (int i = 0; i < 2; ++i) {
           names->push_back(unique_name());
           (void)must(PosixShm::create(names->back(), some_pages));
         }
         return [names] {
           auto unlinked = PosixShm::unlink(names->back());
           names->pop_back();
           return Attempt{report(unlinked)};
         };
       }},
      {"Memfd::create", [] { return [] { return Attempt{report(Memfd::create("fault", some_pages))}; }; }},
      {"Memfd::add_seals",
       [] { return [memfd = ready_memfd()] { return Attempt{report(memfd->add_seals(Seals::shrink))}; }; }},
      {"Memfd::seals and size",
       [] {
         return [memfd = ready_memfd()] {
           auto seals = memfd->seals();
           if (!seals) return Attempt{report(seals)};
           return Attempt{report(memfd->size())};
         };
       }},
      {"Memfd::map_read_write",
       [] { return [memfd = ready_memfd()] { return Attempt{report(memfd->map_read_write())}; }; }},
      {"ReadOnlyMapping::map of a sealed memfd",
       [] {
         auto memfd = ready_memfd();
         must(memfd->add_seals(Seals::write));
         return [memfd] { return Attempt{report(ReadOnlyMapping::map(memfd->descriptor(), some_pages))}; };
       }},
      {"ReadWriteMapping::map",
       [] {
         return [memfd = ready_memfd()] {
           return Attempt{report(ReadWriteMapping::map(memfd->descriptor(), some_pages))};
         };
       }},
      {"Memfd::map_read_only",
       [] { return [memfd = ready_memfd()] { return Attempt{report(memfd->map_read_only())}; }; }},
      {"Memfd::adopt",
       [] {
         return [memfd = ready_memfd()] {
           UniqueFd copy{::dup(memfd->descriptor())};
           if (!copy.valid()) return Attempt{report_error(Error::last("dup"))};
           return Attempt{report(Memfd::adopt(std::move(copy), Seals::none, Bytes::mib(1)))};
         };
       }},
      {"ReadWriteMapping::anonymous",
       [] { return [] { return Attempt{report(ReadWriteMapping::anonymous(some_pages))}; }; }},
      {"copy_from_shared",
       [] {
         auto memory = std::make_shared<ReadWriteMapping>(must(ReadWriteMapping::anonymous(some_pages)));
         return [memory] {
           std::array<std::byte, 100> buffer{};
           return Attempt{report(copy_from_shared(memory->bytes(), buffer))};
         };
       }},
      {"copy_to_shared",
       [] {
         auto memory = std::make_shared<ReadWriteMapping>(must(ReadWriteMapping::anonymous(some_pages)));
         return [memory] { return Attempt{report(copy_to_shared(as_bytes("bytes"), memory->bytes()))}; };
       }},
      {"SysvShm::create",
       [] {
         return [key = unique_key()] {
           auto segment = SysvShm::create(key, some_pages);
           if (!segment) return Attempt{report(segment)};
           return Attempt{report(segment), [segment]() mutable { must(segment->remove()); }};
         };
       }},
      {"SysvShm::open and attach",
       [] {
         return [held = std::make_shared<SysvShmUntilEnd>()] {
           auto segment = SysvShm::open({.key = {}, .id = held->segment.id()});
           if (!segment) return Attempt{report(segment)};
           return Attempt{report(segment->attach_read_write())};
         };
       }},
      {"SysvShm::attach_read_only",
       [] {
         return
             [held = std::make_shared<SysvShmUntilEnd>()] { return Attempt{report(held->segment.attach_read_only())}; };
       }},
      {"SysvShm::remove",
       [] {
         auto segments = std::make_shared<std::vector<SysvShm>>();
         for (int i = 0; i < 2; ++i) segments->push_back(must(SysvShm::create(std::nullopt, some_pages)));
         return [segments] {
           const std::string text = report(segments->back().remove());
           return Attempt{text, [segments, failed = text != "done"] {
                            if (failed) (void)segments->back().remove();
                            segments->pop_back();
                          }};
         };
       }},
      {"SysvShm::statistics",
       [] {
         return [held = std::make_shared<SysvShmUntilEnd>()] { return Attempt{report(held->segment.statistics())}; };
       }},
  };
  all.insert(all.end(), everywhere.begin(), everywhere.end());
  return all;
}

}  // namespace ginnel::fault
