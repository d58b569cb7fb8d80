#include "pipe_program.hpp"

#include <linux/bpf.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <string>

namespace ginnel {
namespace {

using Width = BpfCode::Width;
using Jump = BpfCode::Jump;

// Registers that a call leaves alone.
constexpr int context = 6, file = 7, inode = 8, pipe = 9, stack_end = 10;
constexpr int counter = 7, slot = 8, slots_at = 9;  // once the others are not needed any more

// The stack, below its end: the record, and room for what is read on the way.
constexpr std::int16_t record_at = -static_cast<std::int16_t>(sizeof(PipeRecord));
constexpr std::int16_t scratch_at = record_at - 8;

constexpr std::int16_t in_record(std::size_t offset) noexcept {
  return static_cast<std::int16_t>(record_at + static_cast<std::int16_t>(offset));
}

// struct bpf_iter__task_file and struct bpf_iter_meta, which are the same in every kernel: pointers of 8 bytes each.
constexpr std::int16_t context_meta = 0, context_file = 24, meta_sequence = 0;
// As many as a pipe has that was not made larger. The verifier goes through the loop turn by turn, and its time is most of what the
// program costs.
constexpr std::int32_t slots_looked_at = 16;

/// Where the kernel keeps what is asked for.
struct Places {
  KernelTypes::Member file_inode, inode_mode, inode_number, inode_pipe, inode_super, super_device;
  KernelTypes::Member head, tail, slots_in_use_max, slots, readers, writers, buffers, buffer_length;
  std::uint32_t buffer_bytes = 0;
};

Result<Places> find_places(const KernelTypes& types) {
  struct Wanted {
    KernelTypes::Member Places::* place;
    std::string_view structure;
    std::string_view name;
    std::uint32_t size;
  };
  constexpr std::array all{Wanted{&Places::file_inode, "file", "f_inode", 8},
                           Wanted{&Places::inode_mode, "inode", "i_mode", 2},
                           Wanted{&Places::inode_number, "inode", "i_ino", 8},
                           Wanted{&Places::inode_pipe, "inode", "i_pipe", 8},
                           Wanted{&Places::inode_super, "inode", "i_sb", 8},
                           Wanted{&Places::super_device, "super_block", "s_dev", 4},
                           Wanted{&Places::head, "pipe_inode_info", "head", 4},
                           Wanted{&Places::tail, "pipe_inode_info", "tail", 4},
                           Wanted{&Places::slots_in_use_max, "pipe_inode_info", "max_usage", 4},
                           Wanted{&Places::slots, "pipe_inode_info", "ring_size", 4},
                           Wanted{&Places::readers, "pipe_inode_info", "readers", 4},
                           Wanted{&Places::writers, "pipe_inode_info", "writers", 4},
                           Wanted{&Places::buffers, "pipe_inode_info", "bufs", 8},
                           Wanted{&Places::buffer_length, "pipe_buffer", "len", 4}};
  Places places;
  std::string_view last;
  std::optional<std::uint32_t> structure;
  for (const Wanted& wanted : all) {
    if (wanted.structure != last) structure = types.structure(wanted.structure);
    last = wanted.structure;
    const auto member = structure ? types.member(*structure, wanted.name) : std::nullopt;
    if (!member || member->size != wanted.size)
      return std::unexpected{Error{EOPNOTSUPP, "look at pipes",
                                   std::string{wanted.structure} + "." + std::string{wanted.name},
                                   "this kernel keeps it in another way"}};
    places.*wanted.place = *member;
  }
  const auto buffer_bytes = types.size_of("pipe_buffer");
  if (!buffer_bytes) return std::unexpected{Error{EOPNOTSUPP, "look at pipes", "pipe_buffer"}};
  places.buffer_bytes = *buffer_bytes;
  return places;
}

/// Copies a member of what `address` points at to the stack. A bad address gives zeros.
void read_member(BpfCode& code, std::int16_t to, int address, const KernelTypes::Member& member) {
  code.copy(1, stack_end);
  code.add(1, to);
  code.set(2, static_cast<std::int32_t>(member.size));
  code.copy(3, address);
  code.add(3, static_cast<std::int32_t>(member.offset));
  code.call(BPF_FUNC_probe_read_kernel);
}

void read_pointer(BpfCode& code, int target, int address, const KernelTypes::Member& member, BpfCode::Label& none) {
  read_member(code, scratch_at, address, member);
  code.load(Width::long_word, target, stack_end, scratch_at);
  code.jump_if(Jump::equal, target, 0, none);
}

/// Adds up the bytes in the slots from the tail to the head. Registers: counter, slot and slots_at.
void count_bytes(BpfCode& code, const Places& places) {
  constexpr std::int16_t waiting = in_record(offsetof(PipeRecord, waiting));
  BpfCode::Label next;
  BpfCode::Label too_many;
  BpfCode::Label end;
  code.load(Width::word, slot, stack_end, in_record(offsetof(PipeRecord, tail)));
  code.set(counter, 0);
  code.here(next);
  code.load(Width::word, 1, stack_end, in_record(offsetof(PipeRecord, head)));
  code.jump_if_words(Jump::equal, slot, 1, end);
  code.jump_if(Jump::at_least, counter, slots_looked_at, too_many);
  // There are 2^n slots.
  code.load(Width::word, 2, stack_end, in_record(offsetof(PipeRecord, slots)));
  code.add(2, -1);
  code.copy(4, slot);
  code.mask_register(4, 2);
  code.multiply(4, static_cast<std::int32_t>(places.buffer_bytes));
  code.add_register(4, slots_at);
  read_member(code, scratch_at, 4, places.buffer_length);
  code.load(Width::word, 1, stack_end, scratch_at);
  code.load(Width::long_word, 2, stack_end, waiting);
  code.add_register(2, 1);
  code.store(Width::long_word, stack_end, waiting, 2);
  code.add_to_word(slot, 1);
  code.add(counter, 1);
  code.jump(next);
  code.here(too_many);
  code.store_number(Width::long_word, stack_end, waiting, -1);
  code.here(end);
}

void write_record(BpfCode& code) {
  code.load(Width::long_word, 1, context, context_meta);
  code.load(Width::long_word, 1, 1, meta_sequence);
  code.copy(2, stack_end);
  code.add(2, record_at);
  code.set(3, sizeof(PipeRecord));
  code.call(BPF_FUNC_seq_write);
}

}  // namespace

Result<PipeProgram> write_pipe_program(const KernelTypes& types) {
  const auto places = find_places(types);
  if (!places) return std::unexpected{places.error()};
  const auto iterator = types.function("bpf_iter_task_file");
  if (!iterator) return std::unexpected{Error{EOPNOTSUPP, "look at pipes", "bpf_iter_task_file", "needs Linux 5.8"}};

  BpfCode code;
  BpfCode::Label out;
  code.copy(context, 1);
  code.load(Width::long_word, file, context, context_file);
  code.jump_if(Jump::equal, file, 0, out);  // after the last one
  for (std::int16_t at = scratch_at; at < 0; at += 8) code.store_number(Width::long_word, stack_end, at, 0);

  read_pointer(code, inode, file, places->file_inode, out);
  code.store_number(Width::long_word, stack_end, scratch_at, 0);
  read_member(code, scratch_at, inode, places->inode_mode);
  code.load(Width::half, 1, stack_end, scratch_at);
  code.mask(1, S_IFMT);
  code.jump_if(Jump::not_equal, 1, S_IFIFO, out);
  read_pointer(code, pipe, inode, places->inode_pipe, out);

  read_member(code, in_record(offsetof(PipeRecord, inode)), inode, places->inode_number);
  read_pointer(code, inode, inode, places->inode_super, out);
  read_member(code, in_record(offsetof(PipeRecord, device)), inode, places->super_device);
  read_member(code, in_record(offsetof(PipeRecord, tail)), pipe, places->tail);
  read_member(code, in_record(offsetof(PipeRecord, head)), pipe, places->head);
  read_member(code, in_record(offsetof(PipeRecord, slots_in_use_max)), pipe, places->slots_in_use_max);
  read_member(code, in_record(offsetof(PipeRecord, slots)), pipe, places->slots);
  read_member(code, in_record(offsetof(PipeRecord, readers)), pipe, places->readers);
  read_member(code, in_record(offsetof(PipeRecord, writers)), pipe, places->writers);
  read_pointer(code, slots_at, pipe, places->buffers, out);
  count_bytes(code, *places);
  write_record(code);
  code.here(out);
  code.set(0, 0);
  code.end();
  return PipeProgram{std::move(code), *iterator};
}

}  // namespace ginnel
