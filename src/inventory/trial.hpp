#pragma once

#include <string>
#include <utility>
#include <vector>

#include "ginnel/inventory/verdict.hpp"
#include "sight.hpp"

namespace ginnel::inventory {

/// One object before the judge. It starts as `safe`; each reason against it can only make the verdict worse.
class Trial {
 public:
  Trial(const Snapshot& snapshot, const Sight& sight, const Object& object, std::chrono::seconds grace) noexcept
      : snapshot_{snapshot}, sight_{sight}, object_{object}, grace_{grace} {}

  [[nodiscard]] const Object& object() const noexcept { return object_; }
  [[nodiscard]] const Sight& sight() const noexcept { return sight_; }
  /// The value of a detail; empty when the object has none of that key.
  [[nodiscard]] std::string detail(std::string_view key) const;
  /// `COMMAND(PID)`
  [[nodiscard]] std::string name_of(pid_t pid) const;

  void against(Verdict at_best, std::string reason);
  void in_favour(std::string reason) { against(Verdict::safe, std::move(reason)); }
  void evidence(std::string text) { evidence_.push_back(std::move(text)); }
  [[nodiscard]] bool is_in_use() const noexcept { return verdict_ == Verdict::in_use; }

  // What is weighed of several kinds.
  void weigh_users();                                 ///< holders and waiters
  void weigh_age();                                   ///< the time since its last use
  void weigh_hidden_processes();                      ///< those that are not even listed
  void weigh_processes(const Sight::Closed& closed);  ///< those that were not seen, the hidden ones too
  void weigh_namespaces(NamespaceKind kind);          ///< those that could see it and were not visited
  void weigh_recycler();                              ///< programs that leave it on purpose

  /// The reason that decides comes first.
  [[nodiscard]] Judgement close() &&;

 private:
  const Snapshot& snapshot_;
  const Sight& sight_;
  const Object& object_;
  std::chrono::seconds grace_;
  Verdict verdict_ = Verdict::safe;
  std::vector<std::pair<Verdict, std::string>> reasons_;
  std::vector<std::string> evidence_;
};

}  // namespace ginnel::inventory
