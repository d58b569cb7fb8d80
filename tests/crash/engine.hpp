#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <random>
#include <span>
#include <string_view>
#include <vector>

#include "crash/trial.hpp"

namespace ginnel::crash {

/// How much is tried. What is not all is a sample, chosen by the seed.
struct Effort {
  long points = 24;          ///< deaths of each operation; 0: one after each instruction
  long sleeper_points = 8;   ///< deaths of who wakes a sleeper; 0: all
  long pairs = 1;            ///< of each two operations
  long all_pairs_up_to = 0;  ///< of operations that have no more pairs of instructions than this
  long stops = 1;            ///< places where an operation is stopped
  std::chrono::milliseconds stop_for{120};
  long images_up_to = 700;  ///< instructions of an operation that is stepped for crash images
  long trials_for_a_fault = 600;
  std::chrono::seconds watchdog{30};  ///< generous: the machine may be busy, and what hangs hangs for ever
  std::uint64_t seed = 20'261'128;
};

/// What came of one operation; lies in shared memory.
struct Row {
  long instructions = 0;
  long deaths = 0;    ///< alone
  long sleepers = 0;  ///< deaths of who wakes it while it sleeps
  long pairs = 0;
  long stops = 0;
  long images = 0;
  long failures = 0;
  std::int64_t longest_ns = 0;  ///< of what a survivor did
  bool over = false;

  [[nodiscard]] long trials() const noexcept { return deaths + sleepers + pairs + stops + images; }
};

/// A fault that was put into the floors, or into an operation, to see if it is found.
struct Fault {
  std::string_view name;
  int planted = 0;                               ///< its number; 0: it is in an operation of that name
  std::array<std::string_view, 3> operations{};  ///< where it is looked for
  bool fits = true;                              ///< the place to plant it was found
};
[[nodiscard]] std::span<const Fault> all_faults();

struct Found {
  long trials = 0;
  bool found = false;
  bool over = false;
  std::array<char, 700> how{};
};

class Engine {
 public:
  Engine(const Effort& effort, unsigned worker);

  /// Steps through each operation once; those who begin with `only`. False: one does not hold even if nobody dies.
  [[nodiscard]] bool record(std::string_view only);
  void prove(const Operation& operation, Row& row);
  void look_for(const Fault& fault, Found& found);
  [[nodiscard]] bool is_recorded(const Operation& operation) const;
  /// Of a process that was forked after record().
  void become_worker(unsigned worker);

 private:
  [[nodiscard]] const test::StepTrace& way(const Operation& operation) const;
  [[nodiscard]] long steps(const Operation& operation) const { return way(operation).steps(); }
  /// False: enough was found.
  bool tried(const Course& course, Row& row, long Row::* counted);
  void die_alone(const Operation& operation, Row& row);
  void die_beside_sleeper(const Operation& operation, Row& row);
  void die_beside_standing(const Operation& first, const Operation& second, Row& row, long sample);
  void stand_for_long(const Operation& operation, Row& row);
  void keep_images(const Operation& operation, Row& row);
  [[nodiscard]] Course pair_of(const Operation& first, const Operation& second, long first_steps, long second_steps);
  [[nodiscard]] long at_random(long most) { return std::uniform_int_distribution<long>{0, most}(random_); }
  [[nodiscard]] std::uint32_t any_variant() { return static_cast<std::uint32_t>(random_()); }
  [[nodiscard]] Course for_fault(const Operation& operation, long attempt);

  Effort effort_;
  std::mt19937_64 random_;
  std::vector<std::unique_ptr<test::StepTrace>> ways_;  ///< as all_operations() has them
  std::unique_ptr<TrialRunner> runner_;
  std::vector<std::unique_ptr<TrialRunner>> at_once_;
};

/// Set in the build with the planted faults: which of them is active.
void activate_fault(int number) noexcept;

}  // namespace ginnel::crash
