#include "crash/engine.hpp"

#include <algorithm>
#include <cstdio>
#include <cstring>

namespace ginnel::crash {
namespace {

constexpr long most_steps = 1L << 22U;
constexpr long most_told = 6;
constexpr unsigned stopped_at_once = 12;

std::size_t index_of(const Operation& operation) {
  return static_cast<std::size_t>(&operation - all_operations().data());
}

bool may_meet(const Operation& first, const Operation& second) {
  if (first.faulty || second.faulty || first.alone || second.alone || first.world() != second.world()) return false;
  return first.role.empty() || first.role != second.role;
}

}  // namespace

Engine::Engine(const Effort& effort, unsigned worker) : effort_{effort}, random_{effort.seed} {
  ways_.resize(all_operations().size());
  become_worker(worker);
}

void Engine::become_worker(unsigned worker) {
  random_.seed(effort_.seed + worker);
  at_once_.clear();
  runner_ = std::make_unique<TrialRunner>(0, effort_.watchdog);
  for (unsigned i = 0; i < stopped_at_once; ++i)
    at_once_.push_back(std::make_unique<TrialRunner>(i + 1, effort_.watchdog));
}

bool Engine::is_recorded(const Operation& operation) const { return ways_[index_of(operation)] != nullptr; }
const test::StepTrace& Engine::way(const Operation& operation) const { return *ways_[index_of(operation)]; }

bool Engine::record(std::string_view only) {
  bool good = true;
  // All the memory first: what a trial finds when it begins must not depend on how many were recorded before.
  for (const Operation& operation : all_operations())
    if (operation.name.starts_with(only)) ways_[index_of(operation)] = std::make_unique<test::StepTrace>(most_steps);
  for (const Operation& operation : all_operations()) {
    if (!is_recorded(operation) || operation.faulty) continue;
    runner_->record(operation, *ways_[index_of(operation)]);
    const TrialResult& result = runner_->last();
    if (result.broken[0] == '\0') continue;
    good = false;
    std::printf("FAILED: %.*s, and nobody died: %s\n", static_cast<int>(operation.name.size()), operation.name.data(),
                result.broken.data());
  }
  for (const Operation& operation : all_operations())
    if (is_recorded(operation) && operation.faulty) runner_->record(operation, *ways_[index_of(operation)]);
  std::fflush(stdout);
  return good;
}

bool Engine::tried(const Course& course, Row& row, long Row::* counted) {
  const TrialResult& result = runner_->run(course);
  row.*counted += course.images ? result.images : 1;
  row.longest_ns = std::max(row.longest_ns, result.longest_ns);
  if (result.broken[0] == '\0') return true;
  if (++row.failures <= most_told) {
    std::printf("FAILED: %s: %s\n", course.to_string().c_str(), result.broken.data());
    std::fflush(stdout);
  }
  return false;
}

void Engine::prove(const Operation& operation, Row& row) {
  row.instructions = steps(operation);
  die_alone(operation, row);
  die_beside_sleeper(operation, row);
  for (const Operation& second : all_operations())
    if (is_recorded(second) && may_meet(operation, second)) die_beside_standing(operation, second, row, effort_.pairs);
  stand_for_long(operation, row);
  keep_images(operation, row);
  row.over = true;
}

void Engine::die_alone(const Operation& operation, Row& row) {
  const long length = steps(operation);
  const long count = effort_.points == 0 ? length + 1 : std::min(effort_.points, length + 1);
  for (long i = 0; i < count; ++i) {
    // One at random from each of as many stretches, all of the same length.
    const long begin = i * (length + 1) / count;
    const long end = (i + 1) * (length + 1) / count;
    tried({.first = &operation,
           .way_of_first = &way(operation),
           .first_steps = begin + at_random(end - begin - 1),
           .variant = any_variant()},
          row, &Row::deaths);
  }
}

void Engine::die_beside_sleeper(const Operation& operation, Row& row) {
  if (operation.woken_by.empty()) return;
  const Operation& waker = *find_operation(operation.woken_by);
  if (!is_recorded(waker)) return;
  const long length = steps(waker);
  const long count = effort_.sleeper_points == 0 ? length + 1 : std::min(effort_.sleeper_points, length + 1);
  for (long i = 0; i <= count; ++i)
    tried({.first = &waker,
           .second = &operation,
           .way_of_first = &way(waker),
           .first_steps = i == count ? Course::to_its_end : i * (length + 1) / count,
           .second_sleeps = true,
           .variant = any_variant()},
          row, &Row::sleepers);
}

Course Engine::pair_of(const Operation& first, const Operation& second, long first_steps, long second_steps) {
  const std::uint64_t shape = random_();
  return {.first = &first,
          .second = &second,
          .way_of_first = &way(first),
          .way_of_second = &way(second),
          .first_steps = first_steps,
          .second_steps = second_steps,
          .second_goes_first = (shape & 1U) != 0 && !(first.exclusive && second.exclusive),
          .meanwhile = static_cast<Meanwhile>((shape >> 1U) % 3),
          .variant = any_variant()};
}

void Engine::die_beside_standing(const Operation& first, const Operation& second, Row& row, long sample) {
  const long first_length = steps(first);
  const long second_length = steps(second);
  const long all = (first_length + 1) * (second_length + 1);
  const bool takes_all = all <= effort_.all_pairs_up_to;
  const long count = takes_all ? all : std::min(sample, all);
  for (long i = 0; i < count; ++i)
    tried(takes_all ? pair_of(first, second, i / (second_length + 1), i % (second_length + 1))
                    : pair_of(first, second, at_random(first_length), at_random(second_length)),
          row, &Row::pairs);
}

/// Several at once: they only stand.
void Engine::stand_for_long(const Operation& operation, Row& row) {
  const long count = std::min(effort_.stops, steps(operation));
  for (long done = 0; done < count;) {
    std::array<Course, stopped_at_once> courses;
    const auto batch = static_cast<std::size_t>(std::min<long>(stopped_at_once, count - done));
    for (std::size_t i = 0; i < batch; ++i) {
      const long begin = (done + static_cast<long>(i)) * steps(operation) / count;
      const long end = (done + static_cast<long>(i) + 1) * steps(operation) / count;
      courses[i] = {.second = &operation,
                    .second_steps = begin + at_random(end - begin),
                    .variant = any_variant(),
                    .stands_for = effort_.stop_for};
      at_once_[i]->start(courses[i]);
    }
    for (std::size_t i = 0; i < batch; ++i) {
      const TrialResult& result = at_once_[i]->finish(courses[i]);
      ++row.stops;
      if (result.broken[0] == '\0') continue;
      if (++row.failures <= most_told)
        std::printf("FAILED: %s: %s\n", courses[i].to_string().c_str(), result.broken.data());
      std::fflush(stdout);
    }
    done += static_cast<long>(batch);
  }
}

void Engine::keep_images(const Operation& operation, Row& row) {
  if (!operation.images || steps(operation) > effort_.images_up_to) return;
  tried({.first = &operation, .images = true}, row, &Row::images);
}

/// Dies alone, beside one who stands, or beside a sleeper, in turn, with the operations that belong to the fault.
Course Engine::for_fault(const Operation& operation, long attempt) {
  if (!operation.woken_by.empty() && attempt % 2 == 0) {
    const Operation& waker = *find_operation(operation.woken_by);
    return {.first = &waker,
            .second = &operation,
            .way_of_first = &way(waker),
            .first_steps = attempt % 4 == 0 ? Course::to_its_end : at_random(steps(waker)),
            .second_sleeps = true,
            .variant = any_variant()};
  }
  if (attempt % 3 == 0 || operation.alone)
    return {.first = &operation,
            .way_of_first = &way(operation),
            .first_steps = at_random(steps(operation)),
            .variant = any_variant()};
  std::vector<const Operation*> others;
  for (const Operation& other : all_operations())
    if (is_recorded(other) && !other.faulty && !other.alone && other.world() == operation.world() &&
        (operation.role.empty() || operation.role != other.role))
      others.push_back(&other);
  const Operation& other = *others[static_cast<std::size_t>(at_random(static_cast<long>(others.size()) - 1))];
  if (attempt % 3 == 1) return pair_of(operation, other, at_random(steps(operation)), at_random(steps(other)));
  return pair_of(other, operation, at_random(steps(other)), at_random(steps(operation)));
}

void Engine::look_for(const Fault& fault, Found& found) {
  activate_fault(fault.planted);
  for (long attempt = 0; attempt < effort_.trials_for_a_fault && !found.found; ++attempt) {
    std::size_t choices = 0;
    while (choices < fault.operations.size() && !fault.operations[choices].empty()) ++choices;
    const Operation& operation =
        *find_operation(fault.operations[static_cast<std::size_t>(attempt) % std::max<std::size_t>(choices, 1)]);
    Course course = for_fault(operation, attempt / static_cast<long>(std::max<std::size_t>(choices, 1)));
    course.way_of_first = fault.planted == 0 ? course.way_of_first : nullptr;  // it takes another way
    course.way_of_second = fault.planted == 0 ? course.way_of_second : nullptr;
    const TrialResult& result = runner_->run(course);
    ++found.trials;
    if (result.broken[0] == '\0') continue;
    found.found = true;
    std::snprintf(found.how.data(), found.how.size(), "%.250s: %.400s", course.to_string().c_str(),
                  result.broken.data());
  }
  activate_fault(0);
  found.over = true;
}

}  // namespace ginnel::crash
