#include "tour/guide.hpp"

#include <gtest/gtest.h>

#include <string>

#include "tour/report.hpp"

// The guide believes a stop only what it has said.

namespace ginnel::cli::tour {
namespace {

Findings findings_of(std::string_view report, std::string_view how_it_ended = "its process died") {
  ReportReader reader{"thing"};
  reader.take(report);
  return std::move(reader).finish(how_it_ended);
}

constexpr std::string_view whole =
    "{\"guarantee\":\"order\"}\n{\"round_trip_ns\":1500}\n{\"at_peer_death\":\"the end\"}\n{\"done\":true}\n";

TEST(ReportReader, TakesAWholeReport) {
  const Findings found = findings_of(whole);
  EXPECT_TRUE(found.ok()) << found.failure.value_or("");
  EXPECT_EQ(found.guarantees, std::vector<std::string>{"order"});
  EXPECT_EQ(found.round_trip_ns, 1500U);
  EXPECT_EQ(found.at_peer_death, std::vector<std::string>{"the end"});
}

TEST(ReportReader, TakesLinesThatComeInPieces) {
  ReportReader reader{"thing"};
  for (const char byte : whole) reader.take({&byte, 1});
  EXPECT_TRUE(reader.over());
  EXPECT_TRUE(std::move(reader).finish("").ok());
}

TEST(ReportReader, AStopThatDiedOrHungHasFailed) {
  const std::string cut{whole.substr(0, whole.find("{\"done\""))};
  EXPECT_EQ(findings_of(cut).failure, "it did not come to its end: its process died");
  EXPECT_EQ(findings_of(cut, "it hung").failure, "it did not come to its end: it hung");
  EXPECT_FALSE(findings_of("").ok());
}

TEST(ReportReader, AStopThatLeftSomethingOutHasFailed) {
  EXPECT_EQ(findings_of("{\"round_trip_ns\":1}\n{\"at_peer_death\":\"x\"}\n{\"done\":true}\n").failure,
            "nothing was verified");
  EXPECT_EQ(findings_of("{\"guarantee\":\"x\"}\n{\"at_peer_death\":\"x\"}\n{\"done\":true}\n").failure,
            "no round trip was timed");
  EXPECT_EQ(findings_of("{\"guarantee\":\"x\"}\n{\"round_trip_ns\":1}\n{\"done\":true}\n").failure,
            "no peer's death was watched");
}

TEST(ReportReader, TheFirstFailureCounts) {
  EXPECT_EQ(findings_of("{\"failure\":\"one\"}\n{\"failure\":\"two\"}\n{\"done\":true}\n").failure, "one");
}

TEST(ReportReader, AReportThatCannotBeReadIsAFailure) {
  for (const char* bad : {"nonsense\n", "[]\n", "{\"guarantee\":7}\n", "{\"round_trip_ns\":-1}\n", "{}\n"})
    EXPECT_FALSE(findings_of(std::string{bad} + std::string{whole}).ok()) << bad;
}

// One wrong stop among the right ones.
void visit_untrue(Visit& visit) { visit.guarantee("order", judge_number("messages", 5, 4)); }
void visit_dying(Visit&) { std::abort(); }
void visit_broken_partner(Visit& visit) {
  Partner partner{visit, [](Line&) { throw Broken{"the partner saw nothing"}; }};
  partner.wait_until_ready();
}

Findings visited(const TourStop& stop) {
  auto names = Names::create();
  auto signals = SignalReceiver::create({SIGTERM});
  EXPECT_TRUE(names && signals);
  auto outcome = lead_through(stop, *names, std::chrono::milliseconds{1}, *signals);
  EXPECT_TRUE(outcome) << outcome.error().message();
  return std::move(*outcome).as<Findings>();
}

TEST(Guide, TellsWhatAStopExpectedAndWhatItSaw) {
  EXPECT_EQ(visited({"thing", visit_untrue}).failure, "order: expected 5 messages, saw 4");
}

TEST(Guide, SurvivesAStopThatDies) {
  EXPECT_EQ(visited({"thing", visit_dying}).failure, "it did not come to its end: its process died");
}

TEST(Guide, HearsOfAFailureInThePartner) {
  EXPECT_EQ(visited({"thing", visit_broken_partner}).failure, "in the other process: the partner saw nothing");
}

TEST(TourReport, AFailureShowsInTableSummaryAndJson) {
  Findings right = findings_of(whole);
  Findings wrong = findings_of("{\"guarantee\":\"order\"}\n{\"failure\":\"expected a, saw b\"}\n");
  const std::vector<Findings> tour{right, wrong};
  EXPECT_NE(render_table(tour, {}).find("UNTRUE: expected a, saw b; true: order"), std::string::npos);
  EXPECT_EQ(render_summary(tour, {}), "1 of 2 mechanisms not as promised\n  thing: expected a, saw b\n");
  const Json json = to_json(tour);
  EXPECT_EQ(json["ok"], false);
  EXPECT_EQ(json["mechanisms"][0]["ok"], true);
  EXPECT_EQ(json["mechanisms"][1]["ok"], false);
  EXPECT_EQ(json["mechanisms"][1]["failure"], "expected a, saw b");
  EXPECT_TRUE(json["mechanisms"][1]["round_trip_ns"].is_null());
}

TEST(TourReport, DurationsHaveTwoOrThreeDigits) {
  EXPECT_EQ(short_duration(412), "412 ns");
  EXPECT_EQ(short_duration(999), "999 ns");
  EXPECT_EQ(short_duration(5'234), "5.2 µs");
  EXPECT_EQ(short_duration(9'960), "10 µs");
  EXPECT_EQ(short_duration(999'600), "1.0 ms");
  EXPECT_EQ(short_duration(1'900'000), "1.9 ms");
  EXPECT_EQ(short_duration(12'000'000'000), "12 s");
}

}  // namespace
}  // namespace ginnel::cli::tour
