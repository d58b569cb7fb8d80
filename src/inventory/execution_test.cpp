#include "execution.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <optional>
#include <sstream>
#include <stdexcept>

#include "ginnel/sys/posix_queue.hpp"
#include "ginnel/sys/posix_queue_files.hpp"
#include "ginnel/sys/posix_shm.hpp"
#include "ginnel/sys/sysv_shm.hpp"
#include "support/child_process.hpp"
#include "support/scratch.hpp"
#include "support/single_step.hpp"

// Plans carried out on real objects, and only on those of the test: whatever else a plan would call safe is somebody else's.

namespace ginnel::inventory {
namespace {

using namespace std::chrono_literals;
using test::unique_name;

/// These objects as they are, on a machine that hides nothing and runs nothing: verdicts do not hang on what else runs beside the test.
Snapshot see(const std::set<std::string>& names) {
  Snapshot snapshot = scan({.kinds = {Kind::posix_shm, Kind::posix_queue, Kind::sysv_shm, Kind::fifo}}).value();
  std::erase_if(snapshot.objects, [&](const Object& object) { return !names.contains(object.name); });
  std::erase_if(snapshot.coverage.namespaces, [](const NamespaceInfo& space) { return !space.own; });
  snapshot.processes.clear();
  snapshot.coverage.unreadable.clear();
  snapshot.coverage.in_flight = 0;
  return snapshot;
}

/// Of whatever age.
Plan plan_for(const Snapshot& snapshot) { return make_plan(snapshot, {.kinds = {}, .older_than = 0s}); }

Result<std::vector<RemovalReport>> run(const Snapshot& now, const Plan& plan, const ExecuteOptions& options) {
  return Execution{now, plan, options}.run();
}

ExecuteOptions naming_all(const Plan& plan) {
  ExecuteOptions options;
  for (const PlanEntry& entry : plan.entries) options.named.insert(entry.id);
  return options;
}

/// What a program leaves that was killed: one object each of four kinds. All are removed at the end of the test.
class LeftBehind {
 public:
  LeftBehind() { make(); }
  LeftBehind(const LeftBehind&) = delete;
  LeftBehind& operator=(const LeftBehind&) = delete;
  ~LeftBehind() {
    static_cast<void>(PosixShm::unlink(name_));
    static_cast<void>(PosixQueue::unlink(name_));
    if (auto segment = SysvShm::open({.key = key_, .id = {}})) static_cast<void>(segment->remove());
  }
  /// The program is a child that has ended: nobody's creator lives.
  void make() {
    const bool made = test::fork_child([this](test::Ready) {
                        EXPECT_TRUE(PosixShm::create(name_, Bytes{4096}));
                        EXPECT_TRUE(PosixQueue::create(name_, {.messages = 2, .message_size = Bytes{16}}));
                        EXPECT_TRUE(SysvShm::create(key_, Bytes{4096}));
                        EXPECT_EQ(::mkfifo(fifo_.c_str(), 0600), 0);
                      })
                          .wait()
                          .success();
    if (!made) throw std::runtime_error{"the objects could not be made"};
    segment_ = SysvShm::open({.key = key_, .id = {}})->id();
  }
  [[nodiscard]] std::set<std::string> there() const {
    std::set<std::string> names;
    if (PosixShm::open(name_, PosixShm::Access::read_only)) names.insert("shm:" + name_);
    if (PosixQueue::open(name_)) names.insert("mq:" + name_);
    if (SysvShm::open({.key = {}, .id = segment_})) names.insert(segment_name());
    if (std::filesystem::exists(fifo_)) names.insert("fifo:" + fifo_);
    return names;
  }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }  ///< of memory and queue
  [[nodiscard]] int segment() const noexcept { return segment_; }
  [[nodiscard]] std::string segment_name() const {
    std::ostringstream text;
    text << "sysv-shm:0x" << std::hex << key_;
    return text.str();
  }

 private:
  test::ScratchDirectory scratch_;
  std::string fifo_ = scratch_.file("fifo");
  std::string name_ = unique_name();
  std::int32_t key_ = test::unique_key();
  int segment_ = 0;
};

std::string told(const RemovalReport& report) {
  return report.entry.name + " " + std::string{to_string(report.result)} + ": " + report.text;
}

class ExecutionOnRealObjects : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const auto queues = posix_queue_directory(); !queues) GTEST_SKIP() << queues.error().message();
  }
};

// The public way, on a kind whose verdict needs no look into other processes.
TEST(Execution, ScansAndRemovesWhatThePlanCallsSafe) {
  const LeftBehind left;
  Plan plan = make_plan(scan().value(), {.kinds = {Kind::sysv_shm}, .older_than = 0s});
  std::erase_if(plan.entries, [&](const PlanEntry& entry) { return entry.name != left.segment_name(); });
  plan.id = plan_id(plan);
  ASSERT_EQ(plan.entries.size(), 1U);
  for (const Removal expected : {Removal::removed, Removal::gone}) {
    const auto reports = execute(plan);
    ASSERT_TRUE(reports) << reports.error().message();
    ASSERT_EQ(reports->size(), 1U);
    EXPECT_EQ(reports->front().result, expected) << told(reports->front());
    EXPECT_FALSE(left.there().contains(left.segment_name()));
  }
}

TEST_F(ExecutionOnRealObjects, RemovesTheSafeAndTheLikelyThatAreNamed) {
  const LeftBehind left;
  const Snapshot snapshot = see(left.there());
  const Plan plan = plan_for(snapshot);
  ASSERT_EQ(plan.entries.size(), 4U);
  EXPECT_EQ(plan.entries.back().id.kind, Kind::fifo);

  const auto reports = run(snapshot, plan, {});
  ASSERT_TRUE(reports) << reports.error().message();
  for (const RemovalReport& report : *reports)
    EXPECT_EQ(report.result, report.entry.id.kind == Kind::fifo ? Removal::skipped : Removal::removed) << told(report);
  EXPECT_EQ(left.there().size(), 1U);

  const auto again = run(see(left.there()), plan, naming_all(plan));
  ASSERT_TRUE(again);
  for (const RemovalReport& report : *again)
    EXPECT_EQ(report.result, report.entry.id.kind == Kind::fifo ? Removal::removed : Removal::gone) << told(report);
  EXPECT_TRUE(left.there().empty());
}

// Taken up before the second scan, and after it: the last look is the kernel's.
TEST_F(ExecutionOnRealObjects, LeavesWhatSomebodyTookUpSinceThePlan) {
  const LeftBehind left;
  const Snapshot before = see(left.there());
  const Plan plan = plan_for(before);
  auto user = test::fork_child([&](test::Ready ready) {
    const auto mapping = PosixShm::open(left.name(), PosixShm::Access::read_only)->map_read_only();
    const auto queue = PosixQueue::open(left.name());
    const auto attached = SysvShm::open({.key = {}, .id = left.segment()})->attach_read_only();
    EXPECT_TRUE(mapping && queue && attached);
    ready.say();
    ready.stay();
  });
  user.wait_until_ready();
  for (const Snapshot& now : {before, see(left.there())}) {
    const auto reports = run(now, plan, {});
    ASSERT_TRUE(reports);
    for (const RemovalReport& report : *reports)
      EXPECT_EQ(report.result, report.entry.id.kind == Kind::fifo ? Removal::skipped : Removal::changed)
          << told(report);
  }
  EXPECT_EQ(left.there().size(), 4U);
}

/// The plan with one entry more, which a forger calls safe.
Plan with_forged_entry(Plan plan, const Object& object) {
  plan.entries.push_back({object.id, object.name, {.verdict = Verdict::safe, .reasons = {}, .evidence = {}}});
  plan.id = plan_id(plan);
  return plan;
}

// The cleaner dies at instructions spread over all of its work. Each time the next run of the same plan finishes, and what
// lives is never touched.
TEST_F(ExecutionOnRealObjects, ACleanerKilledAnywhereLeavesTheNextOneToGoOn) {
  LeftBehind left;
  const std::string alive = unique_name();
  const auto in_use = PosixShm::create(alive, Bytes{4096});
  const test::AtEnd unlink_alive{[&] { static_cast<void>(PosixShm::unlink(alive)); }};

  constexpr long deaths = 8;
  std::optional<long> steps;
  std::set<std::size_t> left_by_the_dead;
  for (long round = -2; round < deaths; ++round) {
    std::set<std::string> names = left.there();
    names.insert("shm:" + alive);
    const Snapshot snapshot = see(names);
    const auto held = std::ranges::find(snapshot.objects, "shm:" + alive, &Object::name);
    ASSERT_NE(held, snapshot.objects.end());
    const Plan plan = with_forged_entry(plan_for(snapshot), *held);
    const auto clean = [&] { static_cast<void>(run(snapshot, plan, naming_all(plan))); };

    // In the first round nobody dies: what is called for the first time takes the dynamic linker many steps.
    if (round == -1) {
      steps = test::count_steps(clean);
      if (!steps) GTEST_SKIP() << "tracing is forbidden here";
    } else if (round >= 0) {
      static_cast<void>(test::kill_after_steps(*steps * round / deaths, clean));
      left_by_the_dead.insert(left.there().size());
    }
    const auto reports = run(snapshot, plan, naming_all(plan));
    ASSERT_TRUE(reports);
    for (const RemovalReport& report : *reports) {
      const bool lives = report.entry.id == held->id;
      EXPECT_EQ(lives, report.result == Removal::changed) << told(report);
      EXPECT_NE(report.result, Removal::refused) << told(report);
    }
    EXPECT_TRUE(left.there().empty());
    EXPECT_TRUE(PosixShm::open(alive, PosixShm::Access::read_only));
    left.make();
  }
  EXPECT_GT(left_by_the_dead.size(), 1U) << "all deaths fell on the same stage";
}

}  // namespace
}  // namespace ginnel::inventory
