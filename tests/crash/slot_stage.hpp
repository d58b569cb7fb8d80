#pragma once

#include "crash/slot_operations.hpp"
#include "ginnel/sys/mapping.hpp"

namespace ginnel::crash {

/// A queue's memory with two idle actors, messages in all states, and the work of one who died long ago.
class SlotStage {
 public:
  /// `with_returned`: whether a returned message waits at the beginning.
  explicit SlotStage(bool with_returned);
  [[nodiscard]] const QueueMemory& memory() const { return memory_; }
  [[nodiscard]] SlotActor& first() const { return actors()[0]; }
  [[nodiscard]] SlotActor& second() const { return actors()[1]; }

 private:
  [[nodiscard]] SlotActor* actors() const;
  void prepare(bool with_returned);

  ReadWriteMapping mapping_;
  QueueMemory memory_;
};

}  // namespace ginnel::crash
