#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "crash/queue_operations.hpp"
#include "ginnel/sys/mapping.hpp"

namespace ginnel::crash {

/// What the survivor does between the death of the first actor and the moment when the second goes on.
enum class Meanwhile : std::uint8_t {
  nothing,
  recovers,     ///< all that are dead
  reuses_them,  ///< recovers, empties the queue, lets a new participant take a dead one's number and claim all slots
};

/// One course of events. The first actor is killed after `first_steps` instructions; the second stands after `second_steps`.
struct Course {
  const Operation* first = nullptr;
  const Operation* second = nullptr;  ///< none: the first is alone
  long first_steps = 0;
  long second_steps = 0;
  bool second_goes_first = false;  ///< to where it stands, before the first begins
  Meanwhile meanwhile = Meanwhile::nothing;
  bool with_returned = false;  ///< whether a returned message waits at the beginning

  [[nodiscard]] std::string to_string() const;
};

/// A queue with two idle actors, messages in all states, and the work of one who died long ago.
class Stage {
 public:
  Stage();
  void set(bool with_returned);
  /// All of it as it is now, and back.
  [[nodiscard]] std::vector<std::byte> picture() const;
  void set(const std::vector<std::byte>& picture);
  [[nodiscard]] const QueueMemory& memory() const { return memory_; }
  [[nodiscard]] Actor& first() const { return actors()[0]; }
  [[nodiscard]] Actor& second() const { return actors()[1]; }

 private:
  [[nodiscard]] Actor* actors() const;
  void prepare(bool with_returned);

  ReadWriteMapping mapping_;
  QueueMemory memory_;
  std::vector<std::byte> scenes_[2];
};

/// Lets it happen, lets the survivors go on, and tells what was broken: a message lost, doubled, torn, unmarked or out of order,
/// a slot or a number lost, an operation of a survivor that does not end.
[[nodiscard]] std::optional<std::string> run_course(Stage& stage, const Course& course);

/// The first actor alone, killed after each of its instructions in turn. It is stepped through its operation once: at each
/// instruction it counts as dead, the survivors are judged, and then the memory is put back for it to go on, which is
/// what it would be after as many steps of another run. `told` says whether to go on.
void run_each_course(Stage& stage, const Operation& operation, bool with_returned,
                     const std::function<bool(const Course&, const std::optional<std::string>& broken)>& told);

/// Of one operation that nobody disturbs.
[[nodiscard]] long instructions_of(Stage& stage, const Operation& operation, bool with_returned);

}  // namespace ginnel::crash
