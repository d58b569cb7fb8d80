#pragma once

#include "ginnel/inventory/fact.hpp"
#include "render/json.hpp"

namespace ginnel::cli {

/// Puts known facts under their names, and null for the others with the reasons in an object of their own.
class Facts {
 public:
  explicit Facts(Json& into) : into_{into} {}

  template <class T, class Render>
  void add(const char* name, const inventory::Fact<T>& fact, Render render) {
    if (fact) {
      into_[name] = render(*fact);
      return;
    }
    into_[name] = nullptr;
    missing_[name] = fact.reason();
  }
  template <class T>
  void add(const char* name, const inventory::Fact<T>& fact) {
    add(name, fact, [](const T& value) { return value; });
  }
  void finish() {
    if (!missing_.empty()) into_["missing"] = std::move(missing_);
  }

 private:
  Json& into_;
  Json missing_ = Json::object();
};

}  // namespace ginnel::cli
