#include "crash/trial.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <new>

#include "crash/images.hpp"
#include "support/blocked_in.hpp"

namespace ginnel::crash {
namespace {

TrialResult* own_result = nullptr;

template <std::size_t Size>
void copy_text(std::array<char, Size>& to, std::string_view text) noexcept {
  const std::size_t length = std::min(text.size(), Size - 1);
  std::memcpy(to.data(), text.data(), length);
  to[length] = '\0';
}

// --- what must be as it was before

std::size_t count_entries(const char* folder) {
  const std::filesystem::directory_iterator entries{folder};
  return static_cast<std::size_t>(std::distance(begin(entries), end(entries)));
}

/// Of files that have a name in shared memory, or none.
std::size_t count_shared_mappings() {
  std::size_t count = 0;
  std::FILE* const maps = std::fopen("/proc/self/maps", "re");
  if (maps == nullptr) return 0;
  std::array<char, 512> line{};
  while (std::fgets(line.data(), line.size(), maps) != nullptr)
    if (std::strstr(line.data(), "ginnel-crash") != nullptr || std::strstr(line.data(), "memfd:") != nullptr) ++count;
  std::fclose(maps);
  return count;
}

struct Belongings {
  std::size_t descriptors = count_entries("/proc/self/fd");
  std::size_t mappings = count_shared_mappings();
};

void judge_belongings(const Belongings& before, std::string_view home) {
  const Belongings after;
  require(after.descriptors == before.descriptors,
          std::to_string(after.descriptors) + " descriptors are open, and were " + std::to_string(before.descriptors));
  require(after.mappings == before.mappings,
          std::to_string(after.mappings) + " mappings are there, and were " + std::to_string(before.mappings));
  for (const auto& entry : std::filesystem::directory_iterator{home})
    throw Broken{"a name was left: " + entry.path().string()};
}

// --- the actors

/// What one does in its own process; what it finds broken it leaves in its notes.
template <class Call>
void act(Notes& notes, const Call& call) {
  try {
    call();
  } catch (const Broken& broken) {
    copy_text(notes.fault, broken.what);
  }
}

class ActorProcess {
 public:
  ActorProcess(const Operation& operation, World& world, std::uint32_t number, bool patient,
               test::StepTrace* trace = nullptr)
      : actor_{.number = number, .notes = &world.notes(number), .patient = patient},
        process_{{.prepare =
                      [&] {
                        act(*actor_.notes, [&] {
                          if (operation.prepare != nullptr) operation.prepare(world, actor_);
                        });
                      },
                  .run =
                      [&] {
                        if (actor_.notes->fault[0] == '\0') act(*actor_.notes, [&] { operation.run(world, actor_); });
                      },
                  .afterwards =
                      [&] {
                        act(*actor_.notes, [&] {
                          if (operation.afterwards != nullptr) operation.afterwards(world, actor_);
                        });
                        actor_.notes->over = true;
                      }},
                 trace} {
    judge("before its operation");
  }
  test::SteppedProcess* operator->() noexcept { return &process_; }

  void judge(const char* when) const {
    require(actor_.notes->fault[0] == '\0',
            std::string{actor_.number == 0 ? "the first " : "the second "} + when + ": " + actor_.notes->fault.data());
  }

 private:
  Actor actor_;
  test::SteppedProcess process_;
};

// --- a trial

class Trial {
 public:
  Trial(const Course& course, TrialResult& result) : course_{course}, result_{result} {
    const Operation& any = course.first != nullptr ? *course.first : *course.second;
    world_ = any.make(course);
  }

  void run() {
    note_stage("the actors prepare");
    if (course_.first != nullptr) first_.emplace(*course_.first, *world_, 0, false);
    if (course_.second != nullptr) second_.emplace(*course_.second, *world_, 1, course_.second_sleeps);
    world_->ready();
    if (course_.second_sleeps) put_second_to_sleep();
    if (second_ && course_.second_goes_first) let_second_stand();
    if (first_) let_first_die();
    if (second_ && !course_.second_goes_first && !course_.second_sleeps) let_second_stand();
    go_on_meanwhile();
    if (second_) let_second_end();
    note_stage("the survivors are judged");
    world_->judge();
  }

  void record(test::StepTrace& trace) {
    ActorProcess first{*course_.first, *world_, 0, false, &trace};
    world_->ready();
    first->go_and_record();
    first.judge("in its operation");
    require(first->ended(), "its operation did not end");
    world_->note_first(true);
    world_->judge();
  }

  void keep_images() {
    first_.emplace(*course_.first, *world_, 0, false);
    world_->ready();
    result_.images = judge_images(course_, *world_, *first_->operator->());
    first_->operator->()->kill();
    world_->note_first(true);
    world_->judge();
  }

  ~Trial() {
    if (world_) result_.longest_ns = world_->longest().count();
  }

 private:
  void let_first_die() {
    note_stage("the first does its operation");
    test::SteppedProcess& process = *first_->operator->();
    const long steps = course_.first_steps == Course::to_its_end ? LONG_MAX : course_.first_steps;
    if (steps == LONG_MAX)
      process.go_free_and_die();
    else
      process.go_and_die(steps, course_.way_of_first);
    result_.missed = process.missed_short_cut();
    result_.first_ended = process.ended();
    world_->note_first(process.ended());
    first_->judge("in its operation");
  }
  void let_second_stand() {
    note_stage("the second comes to where it stands");
    test::SteppedProcess& process = *second_->operator->();
    process.go_and_stand(course_.second_steps, course_.way_of_second);
    result_.missed = result_.missed || process.missed_short_cut();
  }
  void put_second_to_sleep() {
    note_stage("the second goes to sleep");
    second_->operator->()->go_on();
    test::wait_until_blocked_in(second_->operator->()->pid(), course_.second->sleeps_in);
  }
  void go_on_meanwhile() {
    note_stage("the survivors go on beside one who stands");
    if (course_.stands_for.count() == 0) {
      world_->meanwhile(course_.meanwhile);
      return;
    }
    const auto until = std::chrono::steady_clock::now() + course_.stands_for;
    constexpr int between_ms = 5;
    do world_->meanwhile(Meanwhile::recover);
    while (::poll(nullptr, 0, between_ms) == 0 && std::chrono::steady_clock::now() < until);
  }
  void let_second_end() {
    test::SteppedProcess& process = *second_->operator->();
    if (course_.second_sleeps) {
      note_stage("a sleeper is given what it waits for");
      world_->rouse();
    } else {
      process.go_on();
    }
    note_stage("the second comes to its end");
    const bool success = process.wait_for_end();
    second_->judge("in its operation");
    require(success && world_->notes(1).over, "the second crashed");
  }

  const Course& course_;
  TrialResult& result_;
  std::unique_ptr<World> world_;
  std::optional<ActorProcess> first_;
  std::optional<ActorProcess> second_;
};

[[noreturn]] void live_through(const Course& course, TrialResult& result, test::StepTrace* trace) noexcept {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  own_result = &result;
  try {
    const std::string home{course.home};
    std::filesystem::create_directory(home);
    ::chmod(home.c_str(), 0700);
    ::setenv("GINNEL_HOME", home.c_str(), 1);
    const Belongings before;
    {
      Trial trial{course, result};
      if (trace != nullptr)
        trial.record(*trace);
      else if (course.images)
        trial.keep_images();
      else
        trial.run();
    }
    judge_belongings(before, home);
  } catch (const Broken& broken) {
    copy_text(result.broken, broken.what.empty() ? "something" : broken.what);
  } catch (const std::exception& exception) {
    copy_text(result.broken, exception.what());
  }
  result.over = true;
  ::_exit(0);
}

}  // namespace

void note_stage(const char* what) noexcept {
  if (own_result != nullptr) copy_text(own_result->stage, what);
}

TrialRunner::TrialRunner(unsigned number, std::chrono::seconds watchdog) : watchdog_{watchdog} {
  void* const memory = ::mmap(nullptr, sizeof(TrialResult), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) std::abort();
  result_ = new (memory) TrialResult;
  std::snprintf(home_.data(), home_.size(), "/dev/shm/ginnel-crash-%07d-%02u", static_cast<int>(::getpid()), number);
}

TrialRunner::~TrialRunner() { ::munmap(result_, sizeof(TrialResult)); }

void TrialRunner::start_any(const Course& course, test::StepTrace* trace) {
  *result_ = TrialResult{};
  std::fflush(nullptr);
  pid_ = ::fork();
  if (pid_ < 0) {
    std::perror("fork");
    std::abort();
  }
  if (pid_ > 0) return;
  Course own = course;
  own.home = home_.data();
  live_through(own, *result_, trace);
}

void TrialRunner::start(const Course& course) { start_any(course, nullptr); }

const TrialResult& TrialRunner::finish(const Course& course) {
  const int pidfd = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));
  pollfd end{.fd = pidfd, .events = POLLIN, .revents = 0};
  const auto budget = (course.images ? 8 : 1) * watchdog_ + course.stands_for;
  while (::poll(&end, 1, static_cast<int>(budget.count())) < 0 && errno == EINTR) {
  }
  ::close(pidfd);
  const bool hangs = end.revents == 0;
  if (hangs) ::kill(pid_, SIGKILL);
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  if (!result_->over)
    std::snprintf(result_->broken.data(), result_->broken.size(), "%s while %s", hangs ? "a hang" : "a crash",
                  result_->stage.data());
  // Of what failed; the others have left nothing.
  if (::rmdir(home_.data()) < 0 && errno != ENOENT) {
    std::error_code ignored;
    std::filesystem::remove_all(home_.data(), ignored);
  }
  return *result_;
}

const TrialResult& TrialRunner::run(const Course& course) {
  start(course);
  finish(course);
  if (!result_->missed) return *result_;
  ++missed_;
  Course again = course;
  again.way_of_first = nullptr;
  again.way_of_second = nullptr;
  start(again);
  return finish(again);
}

void TrialRunner::record(const Operation& operation, test::StepTrace& trace) {
  const Course course{.first = &operation};
  start_any(course, &trace);
  finish(course);
}

}  // namespace ginnel::crash
