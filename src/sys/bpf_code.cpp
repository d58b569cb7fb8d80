#include "bpf_code.hpp"

namespace ginnel {
namespace {

/// Offsets count from the instruction after the jump.
std::int16_t distance(std::size_t jump, std::size_t place) noexcept {
  return static_cast<std::int16_t>(static_cast<std::ptrdiff_t>(place) - static_cast<std::ptrdiff_t>(jump) - 1);
}

}  // namespace

void BpfCode::put(int code, int target, int source, std::int16_t offset, std::int32_t immediate) {
  bpf_insn instruction{};
  instruction.code = static_cast<std::uint8_t>(code);
  instruction.dst_reg = static_cast<std::uint8_t>(target) & 0xfU;
  instruction.src_reg = static_cast<std::uint8_t>(source) & 0xfU;
  instruction.off = offset;
  instruction.imm = immediate;
  code_.push_back(instruction);
}

void BpfCode::jump_to(int code, int left, int right, std::int32_t immediate, Label& to) {
  const std::size_t jump = code_.size();
  put(code, left, right, to.is_known_ ? distance(jump, to.place_) : std::int16_t{0}, immediate);
  if (!to.is_known_) to.jumps_.push_back(jump);
}

void BpfCode::here(Label& label) {
  label.place_ = code_.size();
  label.is_known_ = true;
  for (const std::size_t jump : label.jumps_) code_[jump].off = distance(jump, label.place_);
  label.jumps_.clear();
}

}  // namespace ginnel
