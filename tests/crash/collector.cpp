#include "crash/collector.hpp"

#include <cstdlib>

namespace ginnel::crash {

using inventory::Kind;
using inventory::Removal;

void Collector::see(const std::string& name) {
  snapshot_ = must(inventory::scan({.kinds = {Kind::topic, Kind::latest, Kind::queue}, .waits = false}), "scan");
  const std::string folder = std::string{std::getenv("GINNEL_HOME")} + "/" + name;
  for (const inventory::Object& object : snapshot_->objects)
    if (const inventory::Detail* detail = object.detail("folder"); detail != nullptr && detail->value == folder)
      object_ = object;
  require(object_.has_value(), "the inventory does not see " + name);
}

void Collector::remove() const {
  const inventory::RemovalReport report = inventory::remove(*snapshot_, *object_, false);
  require(report.result == Removal::removed || report.result == Removal::gone,
          "the collector leaves it: " + report.text);
}

}  // namespace ginnel::crash
