#include <vector>

#include "crash/engine.hpp"
#include "crash/tables.hpp"

namespace ginnel::crash {

std::span<const Operation> all_operations() {
  static const std::vector<Operation> operations = [] {
    std::vector<Operation> all;
    for (const auto& table : {topic_operations(), latest_operations(), queue_operations(), slot_operations(),
                              channel_operations(), service_operations(), lock_operations(), file_operations()})
      all.insert(all.end(), table.begin(), table.end());
    return all;
  }();
  return operations;
}

}  // namespace ginnel::crash
