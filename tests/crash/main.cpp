#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <new>
#include <string>
#include <thread>

#include "crash/engine.hpp"

// Death at each instruction, of whatever ginnel does in memory or files that processes share.
//
//   ginnel_crash [--full] [--only PREFIX] [--points N] [--pairs N] [--seed N] [--jobs N]
//   ginnel_crash --faults: the faults that are planted in this build, each of which has to be found
//
// Prints a line for each operation. Ends with 0 where all held, and with 1 where something did not.

namespace ginnel::crash {
namespace {

constexpr int skipped = 77;  // as ctest is told

struct Options {
  bool full = false;
  bool faults = false;
  std::string_view only;
  unsigned jobs = std::max(1U, std::thread::hardware_concurrency());
  Effort effort;
};

Effort full_effort() {
  return {.points = 0,
          .sleeper_points = 0,
          .pairs = 60,
          .all_pairs_up_to = 6000,
          .stops = 12,
          .stop_for = std::chrono::milliseconds{2000},
          .images_up_to = 40'000,
          .trials_for_a_fault = 6000};
}

[[noreturn]] void refuse(const char* program) {
  std::fprintf(stderr, "usage: %s [--full] [--faults] [--only PREFIX] [--points N] [--pairs N] [--seed N] [--jobs N]\n",
               program);
  std::exit(2);
}

Options options_of(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i)
    if (std::string_view{argv[i]} == "--full") {
      options.full = true;
      options.effort = full_effort();
    }
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    const auto number = [&] { return std::strtol(argv[++i], nullptr, 10); };
    if (argument == "--full") continue;
    if (argument == "--faults") {
      options.faults = true;
      options.effort.watchdog = std::chrono::seconds{5};
      continue;
    }
    if (i + 1 >= argc) refuse(argv[0]);
    if (argument == "--only")
      options.only = argv[++i];
    else if (argument == "--points")
      options.effort.points = number();
    else if (argument == "--pairs")
      options.effort.pairs = number();
    else if (argument == "--seed")
      options.effort.seed = static_cast<std::uint64_t>(number());
    else if (argument == "--jobs")
      options.jobs = static_cast<unsigned>(number());
    else
      refuse(argv[0]);
  }
  return options;
}

template <class T>
T* share(std::size_t count) {
  void* const memory = ::mmap(nullptr, count * sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) std::abort();
  return new (memory) T[count];
}

/// Each of `count` things is done by one of several processes, all of which began in the same state.
void share_out(unsigned jobs, std::size_t count, Engine& engine, const std::function<void(std::size_t)>& work) {
  auto* const next = share<std::atomic<std::size_t>>(1);
  std::fflush(nullptr);
  for (unsigned job = 0; job < jobs; ++job) {
    if (::fork() != 0) continue;
    engine.become_worker(job);
    for (std::size_t i = next->fetch_add(1); i < count; i = next->fetch_add(1)) work(i);
    std::fflush(nullptr);
    ::_exit(0);
  }
  while (::wait(nullptr) > 0 || errno == EINTR) {
  }
}

/// The table of what held.
int prove_all(const Options& options) {
  Engine engine{options.effort, 0};
  bool good = engine.record(options.only);
  std::vector<const Operation*> chosen;
  for (const Operation& operation : all_operations())
    if (engine.is_recorded(operation) && !operation.faulty) chosen.push_back(&operation);
  Row* const rows = share<Row>(chosen.size());
  share_out(options.jobs, chosen.size(), engine, [&](std::size_t i) { engine.prove(*chosen[i], rows[i]); });

  std::printf("%-24s %12s %8s %9s %8s %6s %7s %9s %11s\n", "operation", "instructions", "deaths", "sleepers", "pairs",
              "stops", "images", "failures", "longest ms");
  Row sum;
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    const Row& row = rows[i];
    std::printf("%-24s %12ld %8ld %9ld %8ld %6ld %7ld %9ld %11.1f%s\n", std::string{chosen[i]->name}.c_str(),
                row.instructions, row.deaths, row.sleepers, row.pairs, row.stops, row.images, row.failures,
                static_cast<double>(row.longest_ns) / 1e6, row.over ? "" : "  NOT COMPLETED");
    for (long Row::* const column :
         {&Row::instructions, &Row::deaths, &Row::sleepers, &Row::pairs, &Row::stops, &Row::images, &Row::failures})
      sum.*column += row.*column;
    sum.longest_ns = std::max(sum.longest_ns, row.longest_ns);
    good = good && row.over;
  }
  std::printf("%-24s %12ld %8ld %9ld %8ld %6ld %7ld %9ld %11.1f\n", "all", sum.instructions, sum.deaths, sum.sleepers,
              sum.pairs, sum.stops, sum.images, sum.failures, static_cast<double>(sum.longest_ns) / 1e6);
  std::printf("%ld trials, %ld failures; seed %llu\n", sum.trials(), sum.failures,
              static_cast<unsigned long long>(options.effort.seed));
  return good && sum.failures == 0 ? 0 : 1;
}

/// The table of what was found of what is broken on purpose.
int find_all(const Options& options) {
  Engine engine{options.effort, 0};
  if (!engine.record(options.only)) return 1;
  std::vector<const Fault*> chosen;
  for (const Fault& fault : all_faults())
    if (fault.operations[0].starts_with(options.only)) chosen.push_back(&fault);
  Found* const results = share<Found>(chosen.size());
  share_out(options.jobs, chosen.size(), engine, [&](std::size_t i) {
    if (chosen[i]->fits) engine.look_for(*chosen[i], results[i]);
  });

  std::printf("%-48s %8s  %s\n", "planted fault", "trials", "found by");
  long found = 0;
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    const char* const how = !chosen[i]->fits ? "CANNOT BE PLANTED: its place in the source has changed, see faults.txt"
                            : results[i].found ? results[i].how.data()
                                               : "NOT FOUND";
    std::printf("%-48s %8ld  %s\n", std::string{chosen[i]->name}.c_str(), results[i].trials, how);
    found += results[i].found ? 1 : 0;
  }
  std::printf("%ld of %zu planted faults found\n", found, chosen.size());
  return found == static_cast<long>(chosen.size()) ? 0 : 1;
}

int run(int argc, char** argv) {
  const Options options = options_of(argc, argv);
  if (!test::can_be_stepped()) {
    std::fputs("this processor cannot be stepped\n", stderr);
    return skipped;
  }
  return options.faults ? find_all(options) : prove_all(options);
}

}  // namespace
}  // namespace ginnel::crash

int main(int argc, char** argv) { return ginnel::crash::run(argc, argv); }
