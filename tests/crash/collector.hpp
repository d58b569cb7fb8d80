#pragma once

#include <optional>
#include <string>

#include "crash/world.hpp"
#include "ginnel/inventory/plan.hpp"

namespace ginnel::crash {

/// What `ginnel gc` does to an object that only the dead have used.
class Collector {
 public:
  /// Scans, and finds the object of this home.
  void see(const std::string& name);
  /// Removes what was seen; looks once more before. Throws Broken where that is refused.
  void remove() const;

 private:
  std::optional<inventory::Snapshot> snapshot_;
  std::optional<inventory::Object> object_;
};

}  // namespace ginnel::crash
