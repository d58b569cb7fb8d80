#include "crash/companion.hpp"

#include <sys/mman.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <new>

#include "crash/world.hpp"

namespace ginnel::crash {
namespace {

void act(CompanionNotes& notes, const std::function<void(CompanionNotes&)>& call) {
  try {
    call(notes);
  } catch (const Broken& broken) {
    std::strncpy(notes.fault.data(), broken.what.c_str(), notes.fault.size() - 1);
  }
}

CompanionNotes* share_notes() {
  void* const memory =
      ::mmap(nullptr, sizeof(CompanionNotes), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) std::abort();
  return new (memory) CompanionNotes{};
}

}  // namespace

Companion::Companion(const std::function<void(CompanionNotes&)>& prepare,
                     const std::function<void(CompanionNotes&)>& work)
    : notes_{share_notes()},
      process_{std::make_unique<test::SteppedProcess>(test::SteppedProcess::Life{.prepare =
                                                                                     [this, &prepare] {
                                                                                       if (prepare)
                                                                                         act(*notes_, prepare);
                                                                                     },
                                                                                 .run =
                                                                                     [this, &work] {
                                                                                       act(*notes_, work);
                                                                                       notes_->over = true;
                                                                                     }})} {
  judge();
}

Companion::~Companion() {
  process_.reset();
  ::munmap(notes_, sizeof(CompanionNotes));
}

void Companion::wait_for_end() {
  const bool success = process_->wait_for_end();
  judge();
  require(success && notes_->over, "the other side crashed");
}

void Companion::judge() const {
  require(notes_->fault[0] == '\0', std::string{"the other side: "} + notes_->fault.data());
}

std::uint32_t count_own_descriptors() {
  const std::filesystem::directory_iterator entries{"/proc/self/fd"};
  return static_cast<std::uint32_t>(std::distance(begin(entries), end(entries)));
}

}  // namespace ginnel::crash
