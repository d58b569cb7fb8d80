#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ginnel/inventory/snapshot.hpp"

namespace ginnel::inventory {

/// May it be removed? `safe`: nobody can have it. `likely`: nobody seems to, but the kernel keeps no proof, or its kind is
/// meant to be found again. `unknown`: not enough could be seen. `in_use`: somebody has it.
enum class Verdict : std::uint8_t { safe, likely, unknown, in_use };
[[nodiscard]] std::string_view to_string(Verdict verdict) noexcept;  ///< `safe likely unknown in-use`

struct Judgement {
  Verdict verdict = Verdict::unknown;
  std::vector<std::string> reasons;   ///< why, a short sentence each, the one that decides first: `nobody is attached`
  std::vector<std::string> evidence;  ///< what was seen: `/proc/sysvipc/shm: nattch=0 cpid=812 lpid=812`
};

struct JudgeOptions {
  std::chrono::seconds grace{60};  ///< younger objects may still be waiting for their first user
};

struct Sight;

/// Judges the objects of one snapshot by docs/INVENTORY.md. Nothing is `safe` while a process that could hold it was not
/// readable, or a namespace that could see it was not visited. The snapshot should be of all kinds and namespaces: what was
/// not asked for counts as not seen. Pure: looks at the snapshot only. Making a judge takes time in step with the number of
/// processes; a judgement takes as much as the object has users. May be asked by several threads at once.
class Judge {
 public:
  /// The snapshot has to outlive it.
  explicit Judge(const Snapshot& snapshot, const JudgeOptions& options = {});
  Judge(Judge&& other) noexcept;
  Judge& operator=(Judge&& other) = delete;
  ~Judge();
  [[nodiscard]] Judgement operator()(const Object& object) const;
  [[nodiscard]] const Snapshot& snapshot() const noexcept { return snapshot_; }

 private:
  const Snapshot& snapshot_;
  JudgeOptions options_;
  std::unique_ptr<const Sight> sight_;
};

}  // namespace ginnel::inventory
