#include "crash/world.hpp"

#include <sys/mman.h>

#include <cstdio>
#include <cstdlib>
#include <new>

#include "crash/trial.hpp"

namespace ginnel::crash {

bool Course::first_is(std::string_view name) const noexcept { return first != nullptr && first->name == name; }
bool Course::second_is(std::string_view name) const noexcept { return second != nullptr && second->name == name; }
int Course::count(std::string_view name) const noexcept { return (first_is(name) ? 1 : 0) + (second_is(name) ? 1 : 0); }
bool Course::has(std::string_view name) const noexcept { return count(name) > 0; }

std::string Course::to_string() const {
  std::string text;
  if (first != nullptr)
    text += std::string{first->name} +
            (first_steps == to_its_end ? " killed at its end" : " killed at " + std::to_string(first_steps));
  if (second != nullptr) {
    if (!text.empty()) text += ", ";
    text += std::string{second->name} + (second_sleeps ? " asleep" : " standing at " + std::to_string(second_steps));
    if (stands_for.count() > 0) text += " for " + std::to_string(stands_for.count()) + " ms";
    if (first != nullptr && !second_sleeps) text += second_goes_first ? " before it" : " after it";
  }
  if (meanwhile == Meanwhile::recover) text += ", recovered meanwhile";
  if (meanwhile == Meanwhile::reuse) text += ", recovered and reused meanwhile";
  return text + ", variant " + std::to_string(variant);
}

World::World(const Course& course) : course_{course} {
  void* const memory = ::mmap(nullptr, 2 * sizeof(Notes), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) std::abort();
  notes_ = new (memory) Notes[2];
}

World::~World() { ::munmap(notes_, 2 * sizeof(Notes)); }

void World::tell_stage(const char* what) noexcept { note_stage(what); }

void let_die(const std::function<void()>& what) {
  const test::SteppedProcess process{{.prepare = what, .run = [] {}}};
}

const Operation* find_operation(std::string_view name) {
  for (const Operation& operation : all_operations())
    if (operation.name == name) return &operation;
  return nullptr;
}

}  // namespace ginnel::crash
