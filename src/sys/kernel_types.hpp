#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace ginnel {

/// The types of the running kernel, from the BTF that it gives of itself: where a member lies differs from build to build.
/// Pure functions over bytes, which are checked: whatever comes, they give a place or none. The bytes have to outlive it.
/// Source: Documentation/bpf/btf.rst of Linux.
class KernelTypes {
 public:
  /// None where the bytes are no BTF of this byte order.
  [[nodiscard]] static std::optional<KernelTypes> parse(std::string_view btf);

  struct Member {
    std::uint32_t offset = 0;  ///< bytes
    std::uint32_t size = 0;    ///< bytes; 0 where it is no number, enumeration or pointer
    bool operator==(const Member&) const = default;
  };
  /// The number of a structure's type. Looks through all of them: ask once.
  [[nodiscard]] std::optional<std::uint32_t> structure(std::string_view name) const;
  /// A member of a structure, also one that an unnamed structure or union within brings in.
  [[nodiscard]] std::optional<Member> member(std::uint32_t structure, std::string_view name) const;
  [[nodiscard]] std::optional<Member> member(std::string_view structure, std::string_view name) const;
  /// Bytes.
  [[nodiscard]] std::optional<std::uint32_t> size_of(std::string_view structure) const;
  /// The number of a function's type, as bpf(2) takes it.
  [[nodiscard]] std::optional<std::uint32_t> function(std::string_view name) const;

 private:
  struct Type;
  KernelTypes(std::string_view strings, std::string_view types) noexcept : strings_{strings}, types_{types} {}
  [[nodiscard]] bool index();
  [[nodiscard]] std::optional<Type> type(std::uint32_t id) const;
  [[nodiscard]] std::optional<std::uint32_t> find(std::string_view name, bool function) const;
  [[nodiscard]] std::optional<Member> member_of(std::uint32_t id, std::string_view name, int depth) const;
  [[nodiscard]] std::uint32_t size_of_number(std::uint32_t id) const;
  [[nodiscard]] bool is_named(std::uint32_t offset, std::string_view name) const;

  std::string_view strings_;
  std::string_view types_;
  std::vector<std::uint32_t> places_;  ///< of each type by its number, from 1 on
};

}  // namespace ginnel
