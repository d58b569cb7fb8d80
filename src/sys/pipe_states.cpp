#include "ginnel/sys/pipe_states.hpp"

#include <fcntl.h>
#include <linux/bpf.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <string>

#include "ginnel/sys/directory.hpp"
#include "ginnel/sys/mapping.hpp"
#include "pipe_program.hpp"
#include "system_call.hpp"

namespace ginnel {
namespace {

constexpr const char* types_path = "/sys/kernel/btf/vmlinux";

// The kernel lends the functions that the program calls to programs under such a licence only; see docs/decisions/0009.
constexpr const char* licence = "Dual BSD/GPL";

Error bpf_error(std::string_view command) {
  const Error error = Error::last("bpf", command);
  if (error.code() != EPERM && error.code() != EACCES) return error;
  return Error{error}.with_hint("needs CAP_BPF and CAP_PERFMON, and a kernel that is not locked down");
}

/// The attributes of one command: the kernel takes what is there of the union, and zeros for the rest.
Result<UniqueFd> call_bpf(bpf_cmd command, std::string_view name, bpf_attr& attributes) {
  UniqueFd made{static_cast<int>(::syscall(SYS_bpf, command, &attributes, sizeof attributes))};
  if (!made.valid()) return std::unexpected{bpf_error(name)};
  return made;
}

std::uint64_t address_of(const void* memory) noexcept { return std::bit_cast<std::uintptr_t>(memory); }

/// The types of the kernel, mapped (Linux 6.16), or else read, a page a call.
class TypesFile {
 public:
  [[nodiscard]] static Result<TypesFile> open() {
    const UniqueFd file{retry_interrupted([] { return ::open(types_path, O_RDONLY | O_CLOEXEC); })};
    if (!file.valid())
      return std::unexpected{Error::last("open", types_path).with_hint("the kernel is without CONFIG_DEBUG_INFO_BTF")};
    TypesFile types;
    const auto status = file_status(file.get());
    void* const place =
        status && status->size > 0 ? ::mmap(nullptr, status->size, PROT_READ, MAP_PRIVATE, file.get(), 0) : MAP_FAILED;
    if (place != MAP_FAILED) {
      types.mapped_.emplace(place, status->size, MappedRange::Release::munmap);
      return types;
    }
    if (auto read = read_text(file.get(), types.bytes_); !read) return std::unexpected{read.error()};
    return types;
  }
  [[nodiscard]] std::string_view text() const noexcept {
    return mapped_ ? std::string_view{static_cast<const char*>(mapped_->address()), mapped_->size()} : bytes_;
  }

 private:
  std::optional<MappedRange> mapped_;
  std::string bytes_;
};

Result<UniqueFd> load(const PipeProgram& program) {
  const auto& code = program.code.instructions();
  bpf_attr attributes;
  std::memset(&attributes, 0, sizeof attributes);
  attributes.prog_type = BPF_PROG_TYPE_TRACING;
  attributes.expected_attach_type = BPF_TRACE_ITER;
  attributes.attach_btf_id = program.iterator;
  attributes.insns = address_of(code.data());
  attributes.insn_cnt = static_cast<std::uint32_t>(code.size());
  attributes.license = address_of(licence);
  constexpr std::string_view name = "ginnel_pipes";
  std::ranges::copy(name, attributes.prog_name);
  return call_bpf(BPF_PROG_LOAD, "BPF_PROG_LOAD", attributes);
}

Result<UniqueFd> link_to_iterator(int program) {
  bpf_attr attributes;
  std::memset(&attributes, 0, sizeof attributes);
  attributes.link_create.prog_fd = static_cast<std::uint32_t>(program);
  attributes.link_create.attach_type = BPF_TRACE_ITER;
  return call_bpf(BPF_LINK_CREATE, "BPF_LINK_CREATE", attributes);
}

Result<UniqueFd> begin(int link) {
  bpf_attr attributes;
  std::memset(&attributes, 0, sizeof attributes);
  attributes.iter_create.link_fd = static_cast<std::uint32_t>(link);
  return call_bpf(BPF_ITER_CREATE, "BPF_ITER_CREATE", attributes);
}

PipeState state_of(const PipeRecord& record, std::uint64_t page_bytes) {
  constexpr std::uint32_t minor_bits = 20;
  PipeState state{.device = device_number(record.device >> minor_bits, record.device & ((1U << minor_bits) - 1)),
                  .inode = record.inode,
                  .waiting = {},
                  .capacity = record.slots_in_use_max * page_bytes,
                  .full = record.head - record.tail >= record.slots_in_use_max,
                  .readers = record.readers,
                  .writers = record.writers};
  if (record.waiting != PipeRecord::not_counted) state.waiting = record.waiting;
  return state;
}

/// Takes whole records off the front.
void take_records(std::string& bytes, std::vector<PipeState>& states) {
  const auto page_bytes = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  std::size_t place = 0;
  for (; bytes.size() - place >= sizeof(PipeRecord); place += sizeof(PipeRecord)) {
    PipeRecord record;
    std::memcpy(&record, bytes.data() + place, sizeof record);
    states.push_back(state_of(record, page_bytes));
  }
  bytes.erase(0, place);
}

}  // namespace

Result<PipeStates> PipeStates::prepare() {
  const auto file = TypesFile::open();
  if (!file) return std::unexpected{file.error()};
  const auto types = KernelTypes::parse(file->text());
  if (!types) return std::unexpected{Error{EOPNOTSUPP, "read", types_path, "its form is not known here"}};
  const auto program = write_pipe_program(*types);
  if (!program) return std::unexpected{program.error()};
  auto loaded = load(*program);
  if (!loaded) return std::unexpected{loaded.error()};
  auto link = link_to_iterator(loaded->get());
  if (!link) return std::unexpected{link.error()};
  return PipeStates{std::move(*loaded), std::move(*link)};
}

Result<std::vector<PipeState>> PipeStates::read() const {
  const auto iterator = begin(link_.get());
  if (!iterator) return std::unexpected{iterator.error()};
  std::vector<PipeState> states;
  std::string bytes;
  std::array<char, 32768> some{};
  while (true) {
    const ssize_t length = retry_interrupted([&] { return ::read(iterator->get(), some.data(), some.size()); });
    if (length < 0 && errno == EAGAIN) continue;  // it went past very many files that are no pipes
    if (length < 0) return std::unexpected{Error::last("read", "the kernel's pipes")};
    if (length == 0) break;
    bytes.append(some.data(), static_cast<std::size_t>(length));
    take_records(bytes, states);
  }
  const auto identity = [](const PipeState& state) { return std::pair{state.device, state.inode}; };
  std::ranges::sort(states, {}, identity);
  const auto again = std::ranges::unique(states, {}, identity);
  states.erase(again.begin(), again.end());
  return states;
}

}  // namespace ginnel
