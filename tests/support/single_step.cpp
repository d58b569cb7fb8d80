#include "support/single_step.hpp"

#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <unordered_set>

namespace ginnel::test {
namespace {

constexpr std::size_t page = 4096;

[[noreturn]] void give_up(const char* what) {
  std::perror(what);
  std::abort();
}

template <class T>
T* share(std::size_t bytes) {
  void* const memory =
      ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) give_up("mmap");
  return static_cast<T*>(memory);
}

enum What : std::uint32_t { runs_free, dies, dies_at_end, stands, stands_at_each, records };

}  // namespace

/// What the child and who made it tell each other. Not atomic: one of the two stands, or is dead, when the other looks; the handler
/// runs between two instructions of the thread that it counts.
struct SteppedProcess::Shared {
  volatile std::uint32_t what;
  volatile bool inside;
  volatile bool ended;
  volatile bool aims;  ///< at a breakpoint; steps are not counted until then
  volatile long steps;
  volatile long most;
  long short_cut;
  unsigned char* breakpoint;
  unsigned char hidden;
  pid_t pid;

  std::uint64_t* trace;
};

bool can_be_stepped() noexcept {
#if defined(__x86_64__)
  return true;
#else
  return false;
#endif
}

StepTrace::StepTrace(long room)
    : room_{room},
      steps_{share<long>(sizeof(long))},
      places_{share<std::uint64_t>(static_cast<std::size_t>(room) * sizeof(std::uint64_t))},
      latest_new_{share<std::uint32_t>(static_cast<std::size_t>(room) * sizeof(std::uint32_t))} {}

StepTrace::~StepTrace() {
  ::munmap(steps_, sizeof(long));
  ::munmap(places_, static_cast<std::size_t>(room_) * sizeof(std::uint64_t));
  ::munmap(latest_new_, static_cast<std::size_t>(room_) * sizeof(std::uint32_t));
}

void StepTrace::complete() {
  // The vDSO cannot be written, so there are no breakpoints there.
  const std::uint64_t vdso = ::getauxval(AT_SYSINFO_EHDR);
  std::unordered_set<std::uint64_t> passed;
  std::uint32_t latest = 0;
  for (long i = 0; i < *steps_; ++i) {
    const std::uint64_t place = places_[i];
    const bool is_new = passed.insert(place).second;
    if (is_new && (place < vdso || place >= vdso + 4 * page)) latest = static_cast<std::uint32_t>(i + 1);
    latest_new_[i] = latest;
  }
}

StepTrace::ShortCut StepTrace::towards(long steps) const noexcept {
  constexpr long worth_it = 16;
  const long last = std::min(steps, this->steps());
  if (last == 0) return {};
  const long cut = latest_new_[last - 1];
  if (cut < worth_it) return {};
  return {.steps = cut, .place = places_[cut - 1]};
}

#if defined(__x86_64__)
namespace {

constexpr greg_t trap_flag = 0x100;
constexpr unsigned char breakpoint_instruction = 0xcc;

/// Of the child; its handler finds it here.
void (*handle)(ucontext_t& context) = nullptr;
void on_trap(int, siginfo_t*, void* context) { handle(*static_cast<ucontext_t*>(context)); }

void prepare_handler(void (*handler)(ucontext_t&)) {
  handle = handler;
  static std::byte handler_stack[std::size_t{64} << 10U];
  const stack_t stack{.ss_sp = handler_stack, .ss_flags = 0, .ss_size = sizeof handler_stack};
  struct sigaction action = {};
  action.sa_sigaction = on_trap;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  if (::sigaltstack(&stack, nullptr) < 0 || ::sigaction(SIGTRAP, &action, nullptr) < 0) give_up("sigaction");
}

/// The first trap comes after the next instruction.
[[gnu::noinline]] void start_stepping() { asm volatile("pushfq\n orq $0x100, (%%rsp)\n popfq" ::: "memory", "cc"); }

/// Of this process's own view of the page alone. False where it cannot be written.
bool plant_breakpoint(unsigned char* place, unsigned char& hidden) {
  auto* const begin = reinterpret_cast<void*>(reinterpret_cast<std::uintptr_t>(place) & ~(page - 1));
  if (::mprotect(begin, page, PROT_READ | PROT_WRITE | PROT_EXEC) < 0) return false;
  hidden = *place;
  *place = breakpoint_instruction;
  return true;
}

}  // namespace
#endif

SteppedProcess::SteppedProcess(const Life& life, StepTrace* trace)
    : trace_{trace}, shared_{share<Shared>(sizeof(Shared))} {
  if (trace != nullptr) shared_->trace = trace->places_;
  std::fflush(nullptr);
  pid_ = ::fork();
  if (pid_ < 0) give_up("fork");
  if (pid_ == 0) live(life);
  alive_ = true;
  if (!wait_for_stop()) give_up("a stepped child did not come to its beginning");
}

/// In the child.
SteppedProcess::Shared* SteppedProcess::own_ = nullptr;

void SteppedProcess::stop_or_die(int signal_number) {
  static_cast<void>(::syscall(SYS_kill, own_->pid, signal_number));
}

#if defined(__x86_64__)
void SteppedProcess::count_step(ucontext_t& context) {
  auto& registers = context.uc_mcontext.gregs;
  Shared& now = *own_;
  if (now.aims) {
    now.aims = false;
    *now.breakpoint = now.hidden;
    registers[REG_RIP] -= 1;
    registers[REG_EFL] |= trap_flag;
    now.steps = now.short_cut;
  } else {
    if (now.what == records) now.trace[now.steps] = static_cast<std::uint64_t>(registers[REG_RIP]);
    now.steps = now.steps + 1;
  }
  if (now.what == stands_at_each && !now.ended) {
    stop_or_die(SIGSTOP);
    if (now.what == stands_at_each) return;
  }
  if (!now.ended && now.steps < now.most) return;
  registers[REG_EFL] &= ~trap_flag;
  if (!now.ended) stop_or_die(now.what == stands ? SIGSTOP : SIGKILL);
}
#endif

void SteppedProcess::live(const Life& life) noexcept {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  own_ = shared_;
  own_->pid = ::getpid();
  if (life.prepare) life.prepare();
#if defined(__x86_64__)
  prepare_handler(count_step);
#endif
  stop_or_die(SIGSTOP);
#if defined(__x86_64__)
  if (own_->aims && !plant_breakpoint(own_->breakpoint, own_->hidden)) own_->aims = false;
  if (!own_->aims && own_->what != runs_free && own_->what != dies_at_end) start_stepping();
#endif
  life.run();
  own_->ended = true;
  if (own_->what == dies || own_->what == dies_at_end || own_->what == records) stop_or_die(SIGKILL);
  if (own_->what == stands_at_each) stop_or_die(SIGSTOP);
  if (own_->what == stands && own_->steps < own_->most) stop_or_die(SIGSTOP);
  if (life.afterwards) life.afterwards();
  ::_exit(0);
}

void SteppedProcess::aim(long steps, const StepTrace* way, std::uint32_t what) {
  const StepTrace::ShortCut cut = way != nullptr ? way->towards(steps) : StepTrace::ShortCut{};
  shared_->what = what;
  shared_->most = steps;
  shared_->aims = cut.steps > 0;
  shared_->short_cut = cut.steps;
  shared_->breakpoint = reinterpret_cast<unsigned char*>(cut.place);
}

/// True: it stands. False: it has ended, and is collected.
bool SteppedProcess::wait_for_stop() {
  int status = 0;
  while (::waitpid(pid_, &status, WUNTRACED) < 0)
    if (errno != EINTR) give_up("waitpid");
  if (WIFSTOPPED(status)) return true;
  alive_ = false;
  success_ = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  return false;
}

void SteppedProcess::go_and_die(long steps, const StepTrace* way) {
  if (steps > 0) {
    aim(steps, way, dies);
    go_on();
    while (alive_ && wait_for_stop()) go_on();
  }
  kill();
}

void SteppedProcess::go_and_stand(long steps, const StepTrace* way) {
  if (steps == 0) return;
  aim(steps, way, stands);
  go_on();
  static_cast<void>(wait_for_stop());
}

bool SteppedProcess::step_once() {
  shared_->what = stands_at_each;
  if (alive_) ::kill(pid_, SIGCONT);
  return wait_for_stop();
}

void SteppedProcess::go_on() {
  if (alive_) ::kill(pid_, SIGCONT);
}

bool SteppedProcess::stands_again() { return alive_ && wait_for_stop(); }

bool SteppedProcess::wait_for_end() {
  while (alive_ && wait_for_stop()) go_on();
  return success_;
}

void SteppedProcess::go_and_record() {
  aim(trace_->room(), nullptr, records);
  go_on();
  while (alive_ && wait_for_stop()) go_on();
  *trace_->steps_ = shared_->steps;
  trace_->complete();
}

void SteppedProcess::go_free_and_die() {
  shared_->what = dies_at_end;
  go_on();
  while (alive_ && wait_for_stop()) go_on();
}

bool SteppedProcess::missed_short_cut() const noexcept { return shared_->aims; }
bool SteppedProcess::ended() const noexcept { return shared_->ended; }
long SteppedProcess::steps() const noexcept { return shared_->steps; }

void SteppedProcess::kill() {
  if (!alive_) return;
  ::kill(pid_, SIGKILL);
  while (wait_for_stop()) {
  }
}

SteppedProcess::~SteppedProcess() {
  kill();
  ::munmap(shared_, sizeof(Shared));
}

std::optional<bool> kill_after_steps(long steps, const std::function<void()>& body) {
  if (!can_be_stepped()) return std::nullopt;
  SteppedProcess process{{.run = body}};
  process.go_and_die(steps);
  return !process.ended();
}

std::optional<long> count_steps(const std::function<void()>& body) {
  if (!can_be_stepped()) return std::nullopt;
  SteppedProcess process{{.run = body}};
  process.go_and_die(LONG_MAX);
  return process.steps();
}

std::optional<Stand> stand_after_steps(long steps, const std::function<std::function<bool()>()>& prepare,
                                       const std::function<void()>& meanwhile) {
  if (!can_be_stepped()) return std::nullopt;
  std::function<bool()> body;
  SteppedProcess process{{.prepare = [&] { body = prepare(); },
                          .run =
                              [&] {
                                if (!body()) ::_exit(1);
                              }}};
  process.go_and_stand(steps);
  const bool ended = process.ended() || process.steps() < steps;
  do {
    meanwhile();
    process.go_on();
  } while (process.stands_again());
  return Stand{.ended_before = ended, .success = process.wait_for_end()};
}

}  // namespace ginnel::test
