#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "ginnel/core/result.hpp"
#include "support/single_step.hpp"

// What dies, beside whom, and what has to hold afterwards. A world is everything that one trial happens in: it is made anew for each
// trial, in a process of the trial's own, which is also the survivor. An operation is what an actor, a child of that process, is
// doing when it is killed, or stands.

namespace ginnel::crash {

class World;
struct Operation;

/// What the survivors do between the death of the first actor and the moment when the second goes on.
enum class Meanwhile : std::uint8_t {
  nothing,
  recover,  ///< clear away what the dead has left
  reuse,    ///< and take all that this has freed
};

/// What an actor and the judge tell each other; lies in memory that they share.
struct Notes {
  std::uint64_t begun = 0;  ///< numbers of what it set out to do, and of what it has done
  std::uint64_t done = 0;
  std::array<std::uint64_t, 8> got{};
  std::uint32_t got_count = 0;
  bool timed_out = false;
  bool over = false;  ///< also what came after the operation
  std::array<char, 240> fault{};

  void note_got(std::uint64_t what) noexcept {
    if (got_count < got.size()) got[got_count++] = what;
  }
};

struct Actor {
  std::uint32_t number = 0;  ///< 0: the one that is killed; 1: the one that stands meanwhile
  Notes* notes = nullptr;
  bool patient = false;  ///< it is to sleep until it is woken, and not to time out
};

/// One course of events.
struct Course {
  static constexpr long to_its_end = -1;

  const Operation* first = nullptr;
  const Operation* second = nullptr;
  const test::StepTrace* way_of_first = nullptr;
  const test::StepTrace* way_of_second = nullptr;
  long first_steps = to_its_end;  ///< and then it is killed
  long second_steps = 0;          ///< where it stands
  bool second_goes_first = false;
  bool second_sleeps = false;  ///< in its system call, instead of standing
  Meanwhile meanwhile = Meanwhile::nothing;
  std::uint32_t variant = 0;               ///< of the scene, and of what the survivors do
  std::chrono::milliseconds stands_for{};  ///< the second is stopped for so long, while the others go on
  bool images = false;                     ///< the first is stepped once, and a copy kept after each change
  std::string_view home{};                 ///< a directory of the trial's own

  [[nodiscard]] bool has(std::string_view name) const noexcept;
  /// How many of the actors do this.
  [[nodiscard]] int count(std::string_view name) const noexcept;
  [[nodiscard]] bool first_is(std::string_view name) const noexcept;
  [[nodiscard]] bool second_is(std::string_view name) const noexcept;
  [[nodiscard]] std::string to_string() const;
};

struct Operation {
  std::string_view name;  ///< `topic.publish`: those of one world meet in pairs
  std::unique_ptr<World> (*make)(const Course& course) = nullptr;
  void (*prepare)(World& world, Actor& actor) = nullptr;  ///< at full speed, before it
  void (*run)(World& world, Actor& actor) = nullptr;
  void (*afterwards)(World& world, Actor& actor) = nullptr;  ///< of one that stood, and has gone on
  std::string_view woken_by{};                               ///< it may sleep, and that operation wakes it
  long sleeps_in = 0;                                        ///< number of the system call
  bool images = false;                                       ///< what it changes lies in files
  bool exclusive = false;                                    ///< whoever does the like waits for it
  bool alone = false;                                        ///< the scene suits nobody else
  std::string_view role{};                                   ///< of which there is one at a time: such do not meet
  bool faulty = false;                                       ///< a fault is in it, which has to be found

  [[nodiscard]] std::string_view world() const noexcept { return name.substr(0, name.find('.')); }
};

/// Thrown by what finds something broken.
struct Broken {
  std::string what;
};
inline void require(bool held, std::string what) {
  if (!held) throw Broken{std::move(what)};
}
/// What was to succeed.
template <class T>
[[nodiscard]] T must(Result<T> result, std::string_view what) {
  if (!result) throw Broken{std::string{what} + ": " + result.error().message()};
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

class World {
 public:
  explicit World(const Course& course);
  World(const World&) = delete;
  World& operator=(const World&) = delete;
  virtual ~World();

  /// The actors have prepared, and stand before their operations.
  virtual void ready() {}
  /// While somebody stands.
  virtual void meanwhile(Meanwhile /*what*/) {}
  /// The first is dead, and the second may be asleep: gives it what it waits for, unless it has that already.
  virtual void rouse() {}
  /// The first is dead and the second has ended: throws Broken. What the world has made is to be gone when it ends.
  virtual void judge() = 0;
  /// What was copied from the home lies in the home of this world now, and all who worked at it are dead.
  virtual void judge_image() {}

  [[nodiscard]] const Course& course() const noexcept { return course_; }
  [[nodiscard]] Notes& notes(std::uint32_t actor) const noexcept { return notes_[actor]; }
  [[nodiscard]] bool first_ended() const noexcept { return first_ended_; }
  void note_first(bool ended) noexcept { first_ended_ = ended; }
  [[nodiscard]] std::chrono::nanoseconds longest() const noexcept { return longest_; }

 protected:
  /// Something that a survivor does. Where it hangs, the watchdog of the trial tells of `what`.
  template <class Call>
  auto survivor(const char* what, const Call& call) {
    tell_stage(what);
    const auto begin = std::chrono::steady_clock::now();
    struct AtEnd {
      World& world;
      std::chrono::steady_clock::time_point begin;
      ~AtEnd() { world.note_duration(std::chrono::steady_clock::now() - begin); }
    } const at_end{*this, begin};
    return call();
  }
  [[nodiscard]] std::string home() const { return std::string{course_.home}; }

 private:
  void note_duration(std::chrono::nanoseconds duration) noexcept {
    if (duration > longest_) longest_ = duration;
  }
  static void tell_stage(const char* what) noexcept;

  const Course& course_;
  Notes* notes_;
  bool first_ended_ = false;
  std::chrono::nanoseconds longest_{};
};

template <class W>
std::unique_ptr<World> make_world(const Course& course) {
  return std::make_unique<W>(course);
}
/// The function of a world as one of an operation.
template <auto Function>
struct Part;
template <class W, void (W::*Function)(Actor&)>
struct Part<Function> {
  static void call(World& world, Actor& actor) { (static_cast<W&>(world).*Function)(actor); }
};
template <auto Function>
inline constexpr auto part = &Part<Function>::call;

/// A process that did this and was killed, for a scene with somebody long dead in it.
void let_die(const std::function<void()>& what);

[[nodiscard]] std::span<const Operation> all_operations();
[[nodiscard]] const Operation* find_operation(std::string_view name);

}  // namespace ginnel::crash
