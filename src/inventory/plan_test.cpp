#include "ginnel/inventory/plan.hpp"

#include <gtest/gtest.h>

#include <cerrno>

#include "execution.hpp"
#include "hand_made.hpp"

// What a plan holds, and what keeps an entry from being removed. Nothing is removed here: no object of these snapshots is real.

namespace ginnel::inventory {
namespace {

using namespace std::chrono_literals;

Snapshot machine_with(std::initializer_list<Object> objects) {
  Snapshot snapshot = hand_made::quiet_machine();
  for (const Object& object : objects) hand_made::add(snapshot, object);
  return snapshot;
}

std::vector<std::string> names_in(const Plan& plan) {
  std::vector<std::string> names;
  for (const PlanEntry& entry : plan.entries) names.push_back(entry.name);
  return names;
}

TEST(Plan, HoldsTheSafeAndThenTheLikely) {
  Object held = hand_made::left_posix_queue();
  held.holders.push_back({.pid = 1, .tid = 1, .fd = 3});
  const Plan plan =
      make_plan(machine_with({hand_made::left_fifo(), hand_made::left_shm(), held, hand_made::left_segment()}));
  EXPECT_EQ(names_in(plan), (std::vector<std::string>{"sysv-shm:0x51", "shm:/data", "fifo:/tmp/pipe"}));
  EXPECT_EQ(plan.entries[0].judgement.verdict, Verdict::safe);
  EXPECT_EQ(plan.entries[2].judgement.verdict, Verdict::likely);
  EXPECT_FALSE(plan.entries[2].judgement.reasons.empty());
  EXPECT_EQ(plan.boot_id, "a-boot");
  EXPECT_EQ(plan.taken_at, hand_made::now);
}

TEST(Plan, HoldsOnlyTheKindsAskedFor) {
  const Snapshot snapshot = machine_with({hand_made::left_shm(), hand_made::left_segment()});
  EXPECT_EQ(names_in(make_plan(snapshot, {.kinds = {Kind::sysv_shm}})), std::vector<std::string>{"sysv-shm:0x51"});
  EXPECT_TRUE(make_plan(snapshot, {.kinds = {Kind::fifo}}).entries.empty());
}

TEST(Plan, HoldsOnlyWhatIsOldEnough) {
  const Snapshot snapshot = machine_with({hand_made::left_shm()});  // a day old
  EXPECT_EQ(make_plan(snapshot, {.kinds = {}, .older_than = 24h}).entries.size(), 1U);
  EXPECT_TRUE(make_plan(snapshot, {.kinds = {}, .older_than = 25h}).entries.empty());
}

TEST(Plan, IdChangesWithEverythingThatIsGoneBy) {
  const Plan plan = make_plan(machine_with({hand_made::left_shm(), hand_made::left_segment()}));
  EXPECT_EQ(plan.id, plan_id(plan));
  const std::vector<std::pair<const char*, void (*)(Plan&)>> edits{
      {"boot", [](Plan& edited) { edited.boot_id = "another"; }},
      {"time", [](Plan& edited) { edited.taken_at += 1s; }},
      {"name", [](Plan& edited) { edited.entries[0].name += "x"; }},
      {"identity", [](Plan& edited) { ++edited.entries[1].id.number; }},
      {"verdict", [](Plan& edited) { edited.entries[1].judgement.verdict = Verdict::likely; }},
      {"missing entry", [](Plan& edited) { edited.entries.pop_back(); }},
      {"order", [](Plan& edited) { std::ranges::reverse(edited.entries); }},
  };
  for (const auto& [what, edit] : edits) {
    Plan edited = plan;
    edit(edited);
    EXPECT_NE(plan_id(edited), plan.id) << what;
  }
  Plan reworded = plan;
  reworded.entries[0].judgement.reasons.clear();
  EXPECT_EQ(plan_id(reworded), plan.id);
}

class ExecutionTest : public ::testing::Test {
 protected:
  /// What becomes of one planned object when the machine has changed meanwhile.
  RemovalReport carry_out(const Object& planned, const Snapshot& now, bool named = false) {
    plan_ = make_plan(machine_with({planned}));
    if (named) options_.named.insert(planned.id);
    const auto reports = Execution{now, plan_, options_}.run();
    if (!reports || reports->size() != 1) return {.entry = {}, .result = Removal::refused, .text = "no report"};
    EXPECT_EQ(reports->front().entry.id, planned.id);
    return reports->front();
  }

  Plan plan_;
  ExecuteOptions options_;
};

TEST_F(ExecutionTest, RefusesAnEditedPlan) {
  const Snapshot now = machine_with({hand_made::left_shm()});
  plan_ = make_plan(now);
  plan_.entries[0].name = "shm:/another";
  const auto reports = Execution{now, plan_, options_}.run();
  ASSERT_FALSE(reports);
  EXPECT_EQ(reports.error().code(), EINVAL);
}

TEST_F(ExecutionTest, RefusesAPlanOfAnotherBoot) {
  Snapshot now = machine_with({hand_made::left_shm()});
  plan_ = make_plan(now);
  now.boot_id = "the next boot";
  const auto reports = Execution{now, plan_, options_}.run();
  ASSERT_FALSE(reports);
  EXPECT_EQ(reports.error().code(), ESTALE);
}

TEST_F(ExecutionTest, SkipsWhatIsOnlyLikelyUnlessNamed) {
  const Object fifo = hand_made::left_fifo();
  EXPECT_EQ(carry_out(fifo, machine_with({fifo})).result, Removal::skipped);
  EXPECT_EQ(carry_out(fifo, machine_with({fifo}), true).result, Removal::gone);  // no such file
}

TEST_F(ExecutionTest, TellsWhatIsGoneFromWhatWasMadeAnew) {
  const Object planned = hand_made::left_shm();
  EXPECT_EQ(carry_out(planned, machine_with({})).result, Removal::gone);
  Object successor = planned;
  successor.id.number = 8;
  EXPECT_EQ(carry_out(planned, machine_with({successor})).text, "another object has its name now");
  Object used = planned;
  used.id.generation = 2;
  const RemovalReport report = carry_out(planned, machine_with({used}));
  EXPECT_EQ(report.result, Removal::changed);
  EXPECT_EQ(report.text, "it was used or changed since the plan was made");
}

TEST_F(ExecutionTest, LeavesWhatIsInUseNow) {
  const Object planned = hand_made::left_shm();
  Object now = planned;
  now.holders.push_back({.pid = 1, .tid = 1, .how = How::mapping});
  const RemovalReport report = carry_out(planned, machine_with({now}));
  EXPECT_EQ(report.result, Removal::changed);
  EXPECT_EQ(report.text, "init(1) has it: mapping");
}

TEST_F(ExecutionTest, LeavesWhatIsOnlyLikelyNow) {
  const Object planned = hand_made::left_shm();
  Snapshot now = machine_with({planned});
  hand_made::add_closed(now, 1);
  EXPECT_EQ(carry_out(planned, now).result, Removal::changed);
  EXPECT_EQ(carry_out(planned, now, true).result, Removal::changed);
}

TEST_F(ExecutionTest, LeavesWhatWasUsedSinceThePlan) {
  const Object planned = hand_made::left_segment();
  for (const std::string_view key : {"atime", "dtime"}) {
    Object now = planned;
    hand_made::set_detail(now, key, hand_made::seconds_text(hand_made::now + 1s));
    Snapshot later = machine_with({now});
    later.taken_at = hand_made::now + 1h;
    const RemovalReport report = carry_out(planned, later);
    EXPECT_EQ(report.result, Removal::changed);
    EXPECT_EQ(report.text, "it was used or changed since the plan was made");
  }
}

TEST_F(ExecutionTest, LeavesWhatHasAnotherName) {
  const Object planned = hand_made::left_socket_path();
  Object renamed = planned;
  renamed.name = "unix:/tmp/t";
  EXPECT_EQ(carry_out(planned, machine_with({renamed})).text, "it has another name now: unix:/tmp/t");
}

// A plan is kept as JSON, which is UTF-8, and names are any bytes.
TEST_F(ExecutionTest, TakesANameThatIsNoUtf8ForTheSameName) {
  Object fifo = hand_made::left_fifo();
  fifo.name = "fifo:/tmp/a\xff\xc3(b";
  EXPECT_EQ(make_plan(machine_with({fifo})).entries[0].name, "fifo:/tmp/a\uFFFD\uFFFD(b");
  EXPECT_EQ(carry_out(fifo, machine_with({fifo}), true).result, Removal::gone);  // no such file
  Object successor = fifo;
  successor.id.number = 8;
  EXPECT_EQ(carry_out(fifo, machine_with({successor}), true).text, "another object has its name now");
}

// The id is no secret, so a plan may say anything: the verdict of now decides.
TEST_F(ExecutionTest, LeavesWhatAForgedPlanCallsSafe) {
  Object held = hand_made::left_shm();
  held.holders.push_back({.pid = 1, .tid = 1, .fd = 3});
  const Snapshot now = machine_with({held});
  for (const Verdict forged : {Verdict::safe, Verdict::in_use}) {
    plan_ = make_plan(hand_made::quiet_machine());
    plan_.entries.push_back({held.id, held.name, {.verdict = forged, .reasons = {}, .evidence = {}}});
    plan_.id = plan_id(plan_);
    options_.named = {held.id};
    const auto reports = Execution{now, plan_, options_}.run();
    ASSERT_TRUE(reports);
    EXPECT_EQ(reports->front().result, Removal::changed);
  }
}

}  // namespace
}  // namespace ginnel::inventory
