#include "kernel_types.hpp"

#include <linux/btf.h>

#include <algorithm>
#include <cstring>

namespace ginnel {
namespace {

constexpr int nesting_max = 8;
constexpr std::uint32_t bits_per_byte = 8;

template <class Value>
std::optional<Value> value_at(std::string_view bytes, std::size_t offset) {
  if (offset > bytes.size() || bytes.size() - offset < sizeof(Value)) return std::nullopt;
  Value value{};
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

/// What follows the head of a type.
std::optional<std::size_t> size_of_tail(std::uint32_t kind, std::size_t length) noexcept {
  switch (kind) {
    case BTF_KIND_INT:
    case BTF_KIND_VAR:
    case BTF_KIND_DECL_TAG:
      return sizeof(std::uint32_t);
    case BTF_KIND_ARRAY:
      return sizeof(btf_array);
    case BTF_KIND_STRUCT:
    case BTF_KIND_UNION:
      return length * sizeof(btf_member);
    case BTF_KIND_ENUM:
      return length * sizeof(btf_enum);
    case BTF_KIND_ENUM64:
      return length * sizeof(btf_enum64);
    case BTF_KIND_FUNC_PROTO:
      return length * sizeof(btf_param);
    case BTF_KIND_DATASEC:
      return length * sizeof(btf_var_secinfo);
    case BTF_KIND_PTR:
    case BTF_KIND_FWD:
    case BTF_KIND_TYPEDEF:
    case BTF_KIND_VOLATILE:
    case BTF_KIND_CONST:
    case BTF_KIND_RESTRICT:
    case BTF_KIND_FUNC:
    case BTF_KIND_FLOAT:
    case BTF_KIND_TYPE_TAG:
      return 0;
    default:
      return std::nullopt;
  }
}

}  // namespace

struct KernelTypes::Type {
  btf_type head{};
  std::size_t place = 0;

  [[nodiscard]] std::uint32_t kind() const noexcept { return BTF_INFO_KIND(head.info); }
  [[nodiscard]] std::uint32_t length() const noexcept { return BTF_INFO_VLEN(head.info); }
  [[nodiscard]] bool is_structure() const noexcept { return kind() == BTF_KIND_STRUCT || kind() == BTF_KIND_UNION; }
};

std::optional<KernelTypes> KernelTypes::parse(std::string_view btf) {
  const auto header = value_at<btf_header>(btf, 0);
  if (!header || header->magic != BTF_MAGIC || header->hdr_len > btf.size()) return std::nullopt;
  const std::string_view body = btf.substr(header->hdr_len);
  if (header->type_off > body.size() || header->str_off > body.size()) return std::nullopt;
  KernelTypes types{body.substr(header->str_off, header->str_len), body.substr(header->type_off, header->type_len)};
  if (!types.index()) return std::nullopt;
  return types;
}

bool KernelTypes::index() {
  constexpr std::size_t usual_bytes = 24;
  places_.reserve(types_.size() / usual_bytes);
  for (std::size_t place = 0; place < types_.size();) {
    const auto head = value_at<btf_type>(types_, place);
    const auto tail = head ? size_of_tail(BTF_INFO_KIND(head->info), BTF_INFO_VLEN(head->info)) : std::nullopt;
    if (!tail || types_.size() - place - sizeof(btf_type) < *tail) return false;
    places_.push_back(static_cast<std::uint32_t>(place));
    place += sizeof(btf_type) + *tail;
  }
  return true;
}

std::optional<KernelTypes::Type> KernelTypes::type(std::uint32_t id) const {
  if (id == 0 || id > places_.size()) return std::nullopt;
  const std::size_t place = places_[id - 1];
  const auto head = value_at<btf_type>(types_, place);
  if (!head) return std::nullopt;
  return Type{*head, place};
}

/// There are some 100,000 types: no name is measured that begins otherwise.
bool KernelTypes::is_named(std::uint32_t offset, std::string_view name) const {
  if (offset >= strings_.size() || strings_.size() - offset <= name.size()) return false;
  return strings_.substr(offset).starts_with(name) && strings_[offset + name.size()] == '\0';
}

std::optional<std::uint32_t> KernelTypes::find(std::string_view name, bool function) const {
  for (std::uint32_t id = 1; id <= places_.size(); ++id) {
    const auto found = type(id);
    if (!found || (function ? found->kind() != BTF_KIND_FUNC : !found->is_structure())) continue;
    if (is_named(found->head.name_off, name)) return id;
  }
  return std::nullopt;
}

std::uint32_t KernelTypes::size_of_number(std::uint32_t id) const {
  for (int depth = 0; depth < nesting_max; ++depth) {
    const auto found = type(id);
    if (!found) return 0;
    switch (found->kind()) {
      case BTF_KIND_INT:
      case BTF_KIND_ENUM:
        return found->head.size;
      case BTF_KIND_PTR:
        return sizeof(void*);
      case BTF_KIND_TYPEDEF:
      case BTF_KIND_VOLATILE:
      case BTF_KIND_CONST:
        id = found->head.type;
        break;
      default:
        return 0;
    }
  }
  return 0;
}

std::optional<KernelTypes::Member> KernelTypes::member_of(std::uint32_t id, std::string_view name, int depth) const {
  const auto structure = type(id);
  if (!structure || !structure->is_structure() || depth > nesting_max) return std::nullopt;
  const bool has_bit_fields = BTF_INFO_KFLAG(structure->head.info) != 0;
  for (std::uint32_t number = 0; number < structure->length(); ++number) {
    const auto member = value_at<btf_member>(types_, structure->place + sizeof(btf_type) + number * sizeof(btf_member));
    if (!member) return std::nullopt;
    const std::uint32_t bits = has_bit_fields ? BTF_MEMBER_BIT_OFFSET(member->offset) : member->offset;
    if (is_named(member->name_off, name)) {
      if (bits % bits_per_byte != 0) return std::nullopt;
      return Member{bits / bits_per_byte, size_of_number(member->type)};
    }
    if (!is_named(member->name_off, "")) continue;
    if (auto within = member_of(member->type, name, depth + 1)) {
      within->offset += bits / bits_per_byte;
      return within;
    }
  }
  return std::nullopt;
}

std::optional<std::uint32_t> KernelTypes::structure(std::string_view name) const { return find(name, false); }

std::optional<KernelTypes::Member> KernelTypes::member(std::uint32_t structure, std::string_view name) const {
  return member_of(structure, name, 0);
}

std::optional<KernelTypes::Member> KernelTypes::member(std::string_view structure_name, std::string_view name) const {
  const auto id = structure(structure_name);
  return id ? member_of(*id, name, 0) : std::nullopt;
}

std::optional<std::uint32_t> KernelTypes::size_of(std::string_view structure) const {
  const auto id = find(structure, false);
  const auto found = id ? type(*id) : std::nullopt;
  return found ? std::optional{found->head.size} : std::nullopt;
}

std::optional<std::uint32_t> KernelTypes::function(std::string_view name) const { return find(name, true); }

}  // namespace ginnel
