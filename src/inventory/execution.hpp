#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "ginnel/inventory/plan.hpp"
#include "ginnel/inventory/verdict.hpp"

namespace ginnel::inventory {

/// Carries a plan out by a snapshot that was taken just now, and that has to outlive it.
class Execution {
 public:
  Execution(const Snapshot& now, const Plan& plan, const ExecuteOptions& options);
  /// Errors: ESTALE, EINVAL, as execute().
  [[nodiscard]] Result<std::vector<RemovalReport>> run() const;

 private:
  struct Outcome {
    Removal result;
    std::string text;
  };
  [[nodiscard]] Result<void> check_plan() const;
  [[nodiscard]] Outcome carry_out(const PlanEntry& entry) const;
  [[nodiscard]] Outcome missing(const PlanEntry& entry) const;
  [[nodiscard]] bool was_used_since(const Object& object) const;

  const Snapshot& now_;
  const Plan& plan_;
  const ExecuteOptions& options_;
  Judge judge_;
  std::map<std::pair<Kind, std::string>, const Object*> by_name_;  // names as plans have them
};

}  // namespace ginnel::inventory
