#include <algorithm>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string_view>

#include "crash/queue_trial.hpp"

// The queue under death at each instruction.
//
//   ginnel_crash_queue [--full] [--pairs N] [--seed N]
//
// Each operation is killed after its k-th instruction, for every k; then pairs: one is killed while another stands stopped
// somewhere in its own operation and goes on later (all pairs, or a sample of them, chosen by the seed). Faulty variants of
// the operations come first, and each has to be found: that is the test of this test.

namespace ginnel::crash {
namespace {

struct Options {
  bool full = false;
  long pairs = 30;  ///< trials of each pair of operations
  std::uint64_t seed = 20'261'123;
};

class Proof {
 public:
  explicit Proof(const Options& options)
      : random_{options.seed},
        most_stands_{options.full ? LONG_MAX : 50},
        pair_sample_{options.full ? 4000 : options.pairs} {}

  int run() {
    for (const Operation& operation : faulty_operations()) expect_found(operation);
    for (const Operation& operation : sound_operations()) {
      kill_at_each_instruction(operation);
      stand_at_each_instruction(operation);
    }
    for (const Operation& first : sound_operations())
      for (const Operation& second : sound_operations()) kill_while_another_stands(first, second, pair_sample_);
    std::printf("%ld trials, %ld failures; %ld of %zu planted faults found\n", trials_, failures_, found_,
                faulty_operations().size());
    return failures_ == 0 && found_ == static_cast<long>(faulty_operations().size()) ? 0 : 1;
  }

 private:
  /// False once something was found in a faulty operation: then it is enough.
  bool go_on() const { return !looking_ || failures_ == 0; }

  void trial(const Course& course) { note(course, run_course(stage_, course)); }

  void note(const Course& course, const std::optional<std::string>& broken) {
    ++trials_;
    if (!broken) return;
    ++failures_;
    if (failures_ <= most_told || looking_)
      std::printf("%s%s: %s\n", looking_ ? "  found: " : "FAILED: ", course.to_string().c_str(), broken->c_str());
  }

  void kill_at_each_instruction(const Operation& operation) {
    for (const bool with_returned : {false, true}) {
      if (!go_on()) return;
      run_each_course(stage_, operation, with_returned, [this](const Course& course, const auto& broken) {
        note(course, broken);
        return go_on();
      });
    }
  }

  /// While it stands, an idle participant dies, and all that can be reused is. In the short run at some 50 places.
  void stand_at_each_instruction(const Operation& operation) {
    const long instructions = instructions_of(stage_, operation, false);
    const long stride = std::max(1L, instructions / most_stands_);
    for (const Meanwhile meanwhile : {Meanwhile::recovers, Meanwhile::reuses_them})
      for (long steps = 0; steps <= instructions && go_on(); steps += stride)
        trial({.first = &sound_operations().front(),
               .second = &operation,
               .first_steps = 0,
               .second_steps = steps,
               .meanwhile = meanwhile,
               .with_returned = (steps & 1) != 0});
  }

  void kill_while_another_stands(const Operation& first, const Operation& second, long sample) {
    const long first_length = instructions_of(stage_, first, true);
    const long second_length = instructions_of(stage_, second, true);
    std::uniform_int_distribution<long> first_steps{0, first_length};
    std::uniform_int_distribution<long> second_steps{0, second_length};
    std::uniform_int_distribution<int> kind{0, 11};
    const bool all = (first_length + 1) * (second_length + 1) <= sample;
    const long count = all ? (first_length + 1) * (second_length + 1) : sample;
    for (long i = 0; i < count && go_on(); ++i) {
      const int shape = kind(random_);
      trial({.first = &first,
             .second = &second,
             .first_steps = all ? i / (second_length + 1) : first_steps(random_),
             .second_steps = all ? i % (second_length + 1) : second_steps(random_),
             .second_goes_first = shape % 2 != 0,
             .meanwhile = static_cast<Meanwhile>(shape / 2 % 3),
             .with_returned = shape >= 6});
    }
  }

  void expect_found(const Operation& operation) {
    looking_ = true;
    failures_ = 0;
    kill_at_each_instruction(operation);
    stand_at_each_instruction(operation);
    for (const Operation& other : sound_operations()) {
      kill_while_another_stands(operation, other, 3 * pair_sample_);
      kill_while_another_stands(other, operation, 3 * pair_sample_);
    }
    if (failures_ != 0)
      ++found_;
    else
      std::printf("NOT FOUND: the fault of %.*s\n", static_cast<int>(operation.name.size()), operation.name.data());
    looking_ = false;
    failures_ = 0;
  }

  static constexpr long most_told = 20;
  Stage stage_;
  std::mt19937_64 random_;
  long most_stands_;
  long pair_sample_;
  bool looking_ = false;
  long trials_ = 0;
  long failures_ = 0;
  long found_ = 0;
};

Options options_of(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--full") {
      options.full = true;
    } else if (argument == "--pairs" && i + 1 < argc) {
      options.pairs = std::strtol(argv[++i], nullptr, 10);
    } else if (argument == "--seed" && i + 1 < argc) {
      options.seed = std::strtoull(argv[++i], nullptr, 10);
    } else {
      std::fprintf(stderr, "usage: %s [--full] [--pairs N] [--seed N]\n", argv[0]);
      std::exit(2);
    }
  }
  return options;
}

}  // namespace
}  // namespace ginnel::crash

int main(int argc, char** argv) {
  using namespace ginnel::crash;
  return Proof{options_of(argc, argv)}.run();
}
