#pragma once

#include <linux/bpf.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace ginnel {

/// Writes down a program for the kernel's virtual machine, an instruction a call. Registers are numbers: 0 takes results, 1 to 5
/// are a call's arguments and are lost by it, 6 to 9 stay, 10 is the end of the stack. Source: bpf-helpers(7).
class BpfCode {
 public:
  enum class Width : std::uint8_t { byte = BPF_B, half = BPF_H, word = BPF_W, long_word = BPF_DW };
  enum class Jump : std::uint8_t { equal = BPF_JEQ, not_equal = BPF_JNE, at_least = BPF_JGE };

  /// A place that jumps go to, known or not yet.
  class Label {
    friend BpfCode;
    std::size_t place_ = 0;
    bool is_known_ = false;
    std::vector<std::size_t> jumps_;
  };

  void set(int target, std::int32_t value) { put(BPF_ALU64 | BPF_MOV | BPF_K, target, 0, 0, value); }
  void copy(int target, int source) { put(BPF_ALU64 | BPF_MOV | BPF_X, target, source, 0, 0); }
  void add(int target, std::int32_t value) { put(BPF_ALU64 | BPF_ADD | BPF_K, target, 0, 0, value); }
  void add_register(int target, int source) { put(BPF_ALU64 | BPF_ADD | BPF_X, target, source, 0, 0); }
  void add_to_word(int target, std::int32_t value) { put(BPF_ALU | BPF_ADD | BPF_K, target, 0, 0, value); }
  void mask(int target, std::int32_t value) { put(BPF_ALU64 | BPF_AND | BPF_K, target, 0, 0, value); }
  void mask_register(int target, int source) { put(BPF_ALU64 | BPF_AND | BPF_X, target, source, 0, 0); }
  void multiply(int target, std::int32_t value) { put(BPF_ALU64 | BPF_MUL | BPF_K, target, 0, 0, value); }

  void load(Width width, int target, int address, std::int16_t offset) {
    put(BPF_LDX | static_cast<int>(width) | BPF_MEM, target, address, offset, 0);
  }
  void store(Width width, int address, std::int16_t offset, int source) {
    put(BPF_STX | static_cast<int>(width) | BPF_MEM, address, source, offset, 0);
  }
  void store_number(Width width, int address, std::int16_t offset, std::int32_t value) {
    put(BPF_ST | static_cast<int>(width) | BPF_MEM, address, 0, offset, value);
  }

  void jump(Label& to) { jump_to(BPF_JMP | BPF_JA, 0, 0, 0, to); }
  void jump_if(Jump test, int left, std::int32_t right, Label& to) {
    jump_to(BPF_JMP | static_cast<int>(test) | BPF_K, left, 0, right, to);
  }
  /// Compares the low halves.
  void jump_if_words(Jump test, int left, int right, Label& to) {
    jump_to(BPF_JMP32 | static_cast<int>(test) | BPF_X, left, right, 0, to);
  }
  void here(Label& label);

  void call(std::int32_t helper) { put(BPF_JMP | BPF_CALL, 0, 0, 0, helper); }
  void end() { put(BPF_JMP | BPF_EXIT, 0, 0, 0, 0); }

  [[nodiscard]] const std::vector<bpf_insn>& instructions() const noexcept { return code_; }

 private:
  void put(int code, int target, int source, std::int16_t offset, std::int32_t immediate);
  void jump_to(int code, int left, int right, std::int32_t immediate, Label& to);
  std::vector<bpf_insn> code_;
};

}  // namespace ginnel
