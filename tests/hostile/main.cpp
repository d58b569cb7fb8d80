#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "hostile/faults.hpp"
#include "hostile/trial.hpp"

// Hostile peers: each victim works with one that writes whatever it can write, at full speed, and with one that is honest.
//
//   ginnel_hostile [--seconds N] [--seed N] [--only PREFIX]
//   ginnel_hostile_planted --faults [--seconds N] [--seed N]: the faults that are planted in this build, each of which has to be found
//
// The seconds are those of all victims together, and of --faults those for each. A victim may be told that its peer breaks the rules, and whose doing it
// is. It never crashes, each thing that it does ends at its deadline, what it reads lies in what the peer has given it, no descriptor is left open, and
// with the honest peer all goes on. Prints a line for each victim. Ends with 0 where all held, and with 1 where something did not.

namespace ginnel::hostile {
namespace {

struct Options {
  double seconds = 12;
  std::uint64_t seed = std::random_device{}();
  std::string_view only;
  bool faults = false;
};

[[noreturn]] void refuse(const char* program) {
  std::fprintf(stderr, "usage: %s [--faults] [--seconds N] [--seed N] [--only PREFIX]\n", program);
  std::exit(2);
}

Options options_of(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--faults") {
      options.faults = true;
      continue;
    }
    if (i + 1 >= argc) refuse(argv[0]);
    const char* const value = argv[++i];
    if (argument == "--seconds")
      options.seconds = std::strtod(value, nullptr);
    else if (argument == "--seed")
      options.seed = std::strtoull(value, nullptr, 10);
    else if (argument == "--only")
      options.only = value;
    else
      refuse(argv[0]);
  }
  return options;
}

std::chrono::milliseconds milliseconds(double seconds) {
  return std::chrono::milliseconds{static_cast<std::int64_t>(seconds * 1000)};
}

std::vector<Victim> all_victims() {
  std::vector<Victim> all;
  for (const auto& table : {channel_victims(), service_victims(), topic_victims()})
    all.insert(all.end(), table.begin(), table.end());
  return all;
}

bool try_all(const Options& options) {
  std::vector<Victim> chosen = all_victims();
  std::erase_if(chosen, [&](const Victim& victim) { return !victim.name.starts_with(options.only); });
  std::printf("%-22s %8s %12s %11s %11s %9s %10s %10s %9s\n", "victim", "links", "writes", "operations", "messages",
              "refusals", "exchanges", "latest ms", "failures");
  bool good = !chosen.empty();
  for (const Victim& victim : chosen) {
    const Account account = try_victim(
        victim, {.seed = options.seed, .length = milliseconds(options.seconds / static_cast<double>(chosen.size()))});
    good = good && account.contradictions == 0;
    const auto number = [](std::uint64_t value) { return static_cast<unsigned long long>(value); };
    std::printf("%-22s %8llu %12llu %11llu %11llu %9llu %10llu %10.1f %9llu\n", std::string{victim.name}.c_str(),
                number(account.links), number(account.writes), number(account.operations), number(account.messages),
                number(account.refusals), number(account.exchanges), account.latest_ms, number(account.contradictions));
    std::fflush(stdout);
  }
  return good;
}

/// The victim that has found it, or an empty name.
std::string_view find(const Fault& fault, const std::vector<Victim>& victims, const Options& options) {
  activate_fault(fault.planted);
  for (const Victim& victim : victims) {
    if (std::ranges::find(fault.operations, victim.name) == fault.operations.end()) continue;
    const Account account = try_victim(victim, {.seed = options.seed,
                                                .length = milliseconds(options.seconds),
                                                .margin = std::chrono::seconds{3},
                                                .ends_with_first_contradiction = true});
    if (account.contradictions != 0) return victim.name;
  }
  return {};
}

bool find_all(const Options& options) {
  const std::vector<Victim> victims = all_victims();
  std::size_t looked_for = 0;
  std::size_t found = 0;
  for (const Fault& fault : all_faults()) {
    if (!fault.name.starts_with(options.only)) continue;
    ++looked_for;
    const std::string by{fault.fits ? find(fault, victims, options) : std::string_view{}};
    const char* const how = !fault.fits  ? "CANNOT BE PLANTED: its place in the source has changed, see faults.txt"
                            : by.empty() ? "NOT FOUND"
                                         : by.c_str();
    std::printf("%-64s %s\n", std::string{fault.name}.c_str(), how);
    std::fflush(stdout);
    if (!by.empty()) ++found;
  }
  std::printf("%zu of %zu planted faults found\n", found, looked_for);
  return found == looked_for && found > 0;
}

}  // namespace
}  // namespace ginnel::hostile

int main(int argc, char** argv) {
  using namespace ginnel::hostile;
  const Options options = options_of(argc, argv);
  std::printf("seed %llu\n", static_cast<unsigned long long>(options.seed));
  return (options.faults ? find_all(options) : try_all(options)) ? 0 : 1;
}
