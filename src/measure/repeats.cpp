#include "repeats.hpp"

#include <set>
#include <utility>

namespace ginnel::measure {
namespace {

ResourceUse sum(const ResourceUse& a, const ResourceUse& b) {
  return {.user = a.user + b.user,
          .system = a.system + b.system,
          .voluntary_switches = a.voluntary_switches + b.voluntary_switches,
          .involuntary_switches = a.involuntary_switches + b.involuntary_switches,
          .minor_faults = a.minor_faults + b.minor_faults};
}

double for_each(double amount, std::uint64_t messages) {
  return messages == 0 ? 0 : amount / static_cast<double>(messages);
}
double cpu_ns(const ResourceUse& use) { return static_cast<double>((use.user + use.system).count()); }
double switches(const ResourceUse& use) {
  return static_cast<double>(use.voluntary_switches + use.involuntary_switches);
}

}  // namespace

void Repeats::add(What what, Result<Outcome<TrialFigures, Interrupted>> trial) {
  if (!trial) {
    failure_ = trial.error().message();
    return;
  }
  auto& figures = trial->as<TrialFigures>();
  const double rate = figures.rate(what);
  rates_.push_back(rate);
  if (what == What::one_way) {
    values_.push_back(rate);
  } else {
    values_.push_back(static_cast<double>(figures.latencies->at_percentile(50)));
    if (!latencies_)
      latencies_ = std::move(figures.latencies);
    else
      latencies_->merge(*figures.latencies);
  }
  sent_ += figures.side(Side::first).messages;
  came_ += figures.side(Side::second).messages;
  first_ = sum(first_, figures.side(Side::first).use);
  second_ = sum(second_, figures.side(Side::second).use);
  overrun_ = overrun_ || figures.overrun;
}

Figure Repeats::figure(Subject subject) && {
  Figure figure{.subject = std::move(subject)};
  figure.failure = values_.empty() ? failure_ : "";
  figure.value = Spread::of(values_);
  figure.repeats = values_.size();
  figure.messages = came_;
  figure.rate = Spread::of(std::move(rates_)).middle;
  figure.cpu_first_ns = for_each(cpu_ns(first_), sent_);
  figure.cpu_second_ns = for_each(cpu_ns(second_), came_);
  figure.switches = for_each(switches(first_), sent_) + for_each(switches(second_), came_);
  figure.overrun = overrun_;
  if (latencies_) {
    const auto at = [&](double percent) { return static_cast<double>(latencies_->at_percentile(percent)); };
    figure.percentiles =
        Percentiles{.p50 = at(50), .p90 = at(90), .p99 = at(99), .p99_9 = at(99.9), .largest = at(100)};
    figure.latencies = std::move(latencies_);
  }
  return figure;
}

std::size_t processors_of(const std::vector<Placement>& places) {
  std::set<int> used;
  for (const Placement& place : places) used.insert({place.first, place.second});
  return used.size();
}

}  // namespace ginnel::measure
