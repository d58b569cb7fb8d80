#include "kernel_types.hpp"

#include "pipe_program.hpp"
#include "target.hpp"

// What the kernel tells of its types (BTF), and the program that is written by it.

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace ginnel;
  const auto types = KernelTypes::parse(fuzz::text_of(bytes, size));
  if (!types) return 0;
  for (const char* structure : {"pipe", "pipe_inode_info", "file"}) {
    static_cast<void>(types->size_of(structure));
    for (const char* name : {"head", "tail", "next", "bufs", "f_inode"})
      static_cast<void>(types->member(structure, name));
  }
  if (const auto number = types->function("look")) fuzz::insist(*number > 0 && *number <= size);
  if (const auto program = write_pipe_program(*types)) fuzz::insist(!program->code.instructions().empty());
  return 0;
}
