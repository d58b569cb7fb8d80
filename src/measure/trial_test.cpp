#include "ginnel/measure/trial.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <ostream>

#include "ginnel/measure/limits.hpp"
#include "ginnel/measure/noise.hpp"
#include "ginnel/sys/pipe.hpp"

namespace ginnel::measure {
namespace {

using namespace std::chrono_literals;

class Scratch {
 public:
  Scratch() {
    std::filesystem::create_directory(path_);
    std::filesystem::permissions(path_, std::filesystem::perms::owner_all);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() { std::filesystem::remove_all(path_); }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_ = "/dev/shm/ginnel-trial-" + std::to_string(::getpid());
};

/// The first placement of the machine; its two sides may share a processor, so that tests of polling use it as well.
Placement somewhere() { return placements()->front(); }

TrialFigures tried(const CarrierKind& kind, Manner manner, const Job& job) {
  const Scratch home;
  auto trial = run_trial(kind, {.size = job.size, .manner = manner, .home = home.path()}, job, somewhere());
  if (!trial || !trial->is<TrialFigures>()) {
    ADD_FAILURE() << kind.name << " " << to_string(manner) << ": " << (trial ? "interrupted" : trial.error().message());
    return {};
  }
  return std::move(trial->as<TrialFigures>());
}

struct TriedKind {
  const CarrierKind* kind;
};
void PrintTo(const TriedKind& tried, std::ostream* out) { *out << tried.kind->name; }
std::vector<TriedKind> tried_kinds() {
  std::vector<TriedKind> kinds;
  for (const CarrierKind& kind : all_carriers()) kinds.push_back({&kind});
  return kinds;
}

class EachCarrier : public ::testing::TestWithParam<TriedKind> {
 protected:
  /// In every manner, with the smallest, a middle and a large message.
  template <class Check>
  void for_each_form(What what, Check check) {
    const CarrierKind& kind = *GetParam().kind;
    for (const Manner manner : {Manner::sleeping, Manner::adaptive, Manner::polling})
      for (const std::size_t wanted : {kind.smallest, std::size_t{100}, std::size_t{100'000}}) {
        if (!kind.manners.has(manner)) continue;
        const std::size_t size = kind.largest == 0 ? wanted : std::min(wanted, kind.largest);
        const Job job{.what = what, .size = size, .span = 10s, .rate = 50'000, .messages_most = 50};
        SCOPED_TRACE(std::string{to_string(manner)} + " " + std::to_string(size));
        check(tried(kind, manner, job));
      }
  }
};

TEST_P(EachCarrier, TakesEveryMessageThereAndBackAndCountsIt) {
  for_each_form(What::round_trip, [](const TrialFigures& figures) {
    EXPECT_EQ(figures.side(Side::first).messages, 50U);
    EXPECT_EQ(figures.side(Side::second).messages, 50U);
    ASSERT_TRUE(figures.latencies);
    EXPECT_EQ(figures.latencies->total(), 50U);
    EXPECT_GT(figures.latencies->smallest(), 0U);
    EXPECT_LE(figures.latencies->largest(), figures.side(Side::first).elapsed_ns);
  });
}

TEST_P(EachCarrier, PoursMessagesOneWayAndLosesNoneUnlessThatIsItsNature) {
  if (!GetParam().kind->one_way) GTEST_SKIP() << "knows questions and answers only";
  for_each_form(What::one_way, [](const TrialFigures& figures) {
    EXPECT_EQ(figures.side(Side::first).messages, 50U);
    if (GetParam().kind->loses) {
      EXPECT_LE(figures.side(Side::second).messages, 50U);
    } else {
      EXPECT_EQ(figures.side(Side::second).messages, 50U);
      EXPECT_GT(figures.rate(What::one_way), 0);
    }
  });
}

INSTANTIATE_TEST_SUITE_P(All, EachCarrier, ::testing::ValuesIn(tried_kinds()), [](const auto& tested) {
  std::string name;
  for (const char c : tested.param.kind->name) name += std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  return name;
});

const CarrierKind& kind_named(std::string_view name) {
  for (const CarrierKind& kind : all_carriers())
    if (kind.name == name) return kind;
  throw std::invalid_argument{"no such carrier"};
}

TEST(Trial, AnOpenLoopRecordsEachMessageThatWasDue) {
  const auto figures =
      tried(kind_named("pipe"), Manner::sleeping, {.what = What::open_loop, .size = 64, .span = 20ms, .rate = 5000});
  if (figures.overrun) GTEST_SKIP() << "this machine cannot keep 5,000 messages a second now";
  EXPECT_EQ(figures.side(Side::first).messages, 100U);
  EXPECT_EQ(figures.latencies->total(), 100U);
}

TEST(Trial, ASideThatFailsEndsBothAndIsToldByName) {
  auto memory = BoardMemory::create();
  ASSERT_TRUE(memory);
  auto done = run_pair(somewhere(), memory->board(), 60s, -1, [&](Side side) -> Result<void> {
    if (side == Side::second) return std::unexpected{Error{ENOSPC, "open", "something"}};
    meet(memory->board());
    return {};
  });
  ASSERT_FALSE(done);
  EXPECT_NE(done.error().message().find("second side"), std::string::npos) << done.error().message();
  EXPECT_NE(done.error().message().find("open something: ENOSPC"), std::string::npos) << done.error().message();
}

TEST(Trial, ASideThatIsKilledIsToldToo) {
  auto memory = BoardMemory::create();
  ASSERT_TRUE(memory);
  auto done = run_pair(somewhere(), memory->board(), 60s, -1, [&](Side side) -> Result<void> {
    if (side == Side::first) ::raise(SIGKILL);
    meet(memory->board());
    return {};
  });
  ASSERT_FALSE(done);
  EXPECT_NE(done.error().message().find("killed by SIGKILL"), std::string::npos) << done.error().message();
}

TEST(Trial, WhoHasHadEnoughEndsItAtOnce) {
  auto enough = Pipe::create();
  auto memory = BoardMemory::create();
  ASSERT_TRUE(enough && memory);
  enough->write_end.reset();  // the end of a stream can be read
  auto done = run_pair(somewhere(), memory->board(), 60s, enough->read_end.get(), [&](Side) -> Result<void> {
    while (true) ::pause();
    return {};
  });
  ASSERT_TRUE(done) << done.error().message();
  EXPECT_TRUE(done->is<Interrupted>());
}

TEST(Trial, SidesThatHangAreEndedAtTheirDeadline) {
  auto memory = BoardMemory::create();
  ASSERT_TRUE(memory);
  auto done = run_pair(somewhere(), memory->board(), 10ms, -1, [&](Side) -> Result<void> {
    while (true) ::pause();
    return {};
  });
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code(), ETIMEDOUT);
}

TEST(Limits, AreMeasuredForEachPlacementAndSize) {
  const auto places = placements();
  ASSERT_TRUE(places);
  const auto limits = measure_limits(*places, {64, 4096}, 5ms);
  ASSERT_TRUE(limits) << limits.error().message();
  ASSERT_TRUE(limits->is<MachineLimits>());
  const auto& all = limits->as<MachineLimits>();
  ASSERT_EQ(all.pairs.size(), places->size());
  for (std::size_t i = 0; i < places->size(); ++i) {
    EXPECT_GT(all.pairs[i].futex_ns, 0);
    EXPECT_EQ(all.pairs[i].cache_line_ns > 0, !(*places)[i].is_shared());
  }
  EXPECT_GT(all.system_call_ns, 0);
  EXPECT_GT(all.clock_ns, 0);
  ASSERT_EQ(all.copies.size(), 2U);
  EXPECT_GT(all.copies[1].ns, 0);
}

TEST(Limits, ACopyBetweenTwoSizesLiesBetweenTheirTimes) {
  MachineLimits limits;
  EXPECT_EQ(limits.copy_ns(64), 0);
  limits.copies = {{.bytes = 100, .ns = 10}, {.bytes = 200, .ns = 30}};
  EXPECT_EQ(limits.copy_ns(50), 10);
  EXPECT_EQ(limits.copy_ns(150), 20);
  EXPECT_EQ(limits.copy_ns(400), 60);
}

}  // namespace
}  // namespace ginnel::measure
