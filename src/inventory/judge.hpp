#pragma once

#include "ginnel/inventory/verdict.hpp"
#include "sight.hpp"

namespace ginnel::inventory {

/// judge() for many objects of one snapshot, which has to outlive it.
class Judge {
 public:
  Judge(const Snapshot& snapshot, const JudgeOptions& options)
      : snapshot_{snapshot}, sight_{snapshot}, options_{options} {}
  [[nodiscard]] Judgement operator()(const Object& object) const;

 private:
  const Snapshot& snapshot_;
  Sight sight_;
  JudgeOptions options_;
};

}  // namespace ginnel::inventory
