#include "support/fuse_file.hpp"

#include <fcntl.h>
#include <linux/fuse.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <new>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "ginnel/sys/ancillary.hpp"
#include "support/scratch.hpp"

namespace ginnel::test {

/// Of both processes.
struct FuseFile::Shared {
  std::atomic<bool> handed_over{false};
  std::atomic<int> questions{0};
};

namespace {

constexpr std::uint64_t file_node = 2;

template <class Body>
void answer(int device, std::uint64_t request, const Body& body) {
  std::array<std::byte, sizeof(fuse_out_header) + sizeof(Body)> reply{};
  const fuse_out_header header{static_cast<std::uint32_t>(reply.size()), 0, request};
  std::memcpy(reply.data(), &header, sizeof header);
  std::memcpy(reply.data() + sizeof header, &body, sizeof body);
  [[maybe_unused]] const auto written = ::write(device, reply.data(), reply.size());
}

void answer_error(int device, std::uint64_t request, int error) {
  const fuse_out_header header{sizeof header, -error, request};
  [[maybe_unused]] const auto written = ::write(device, &header, sizeof header);
}

/// Nothing is kept: were the file asked about, it would be asked of us.
fuse_entry_out entry() {
  fuse_entry_out found{};
  found.nodeid = file_node;
  found.attr.ino = file_node;
  found.attr.size = 4096;
  found.attr.mode = S_IFREG | 0600;
  found.attr.nlink = 1;
  return found;
}

/// Serves until the file system is gone.
template <class Shared>
void serve(int device, Shared& shared) {
  std::vector<std::byte> request(FUSE_MIN_READ_BUFFER + 65536);
  while (true) {
    const auto length = ::read(device, request.data(), request.size());
    if (length < 0 && errno == EINTR) continue;
    if (length < static_cast<ssize_t>(sizeof(fuse_in_header))) return;
    fuse_in_header header{};
    std::memcpy(&header, request.data(), sizeof header);
    switch (header.opcode) {
      case FUSE_INIT: {
        fuse_init_out agreed{};
        agreed.major = FUSE_KERNEL_VERSION;
        agreed.minor = FUSE_KERNEL_MINOR_VERSION;
        agreed.max_write = 65536;
        answer(device, header.unique, agreed);
        break;
      }
      case FUSE_LOOKUP:
        answer(device, header.unique, entry());
        break;
      case FUSE_OPEN:
        answer(device, header.unique, fuse_open_out{});
        break;
      case FUSE_FLUSH:
      case FUSE_RELEASE:
        answer_error(device, header.unique, 0);
        break;
      case FUSE_FORGET:
      case FUSE_BATCH_FORGET:
      case FUSE_INTERRUPT:
        break;  // these want no answer
      default:
        if (shared.handed_over) ++shared.questions;
        answer_error(device, header.unique, EIO);
    }
  }
}

UniqueFd mount_at(const std::string& path) {
  if (::unshare(CLONE_NEWNS) < 0 || ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) < 0) return {};
  UniqueFd device{::open("/dev/fuse", O_RDWR | O_CLOEXEC)};
  if (!device.valid()) return {};
  const std::string options = "fd=" + std::to_string(device.get()) + ",rootmode=40000,user_id=0,group_id=0";
  if (::mount("ginnel-test", path.c_str(), "fuse", MS_NOSUID | MS_NODEV, options.c_str()) < 0) return {};
  return device;
}

}  // namespace

std::optional<FuseFile> FuseFile::open() {
  void* memory = ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return std::nullopt;
  std::shared_ptr<Shared> shared{new (memory) Shared, [](Shared* used) { ::munmap(used, sizeof(Shared)); }};
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) < 0) return std::nullopt;
  const UniqueFd ours{ends[0]};
  UniqueFd theirs{ends[1]};

  const ScratchDirectory mount_point;  // this process's, which is not killed as the server is
  auto server = fork_child([&](Ready ready) {
    const UniqueFd device = mount_at(mount_point.path());
    if (!device.valid()) return ready.say("none");
    std::jthread serving{[&] { serve(device.get(), *shared); }};
    {
      const UniqueFd file{::open(mount_point.file("file").c_str(), O_RDWR | O_CLOEXEC)};
      const std::array passed{file.get()};
      if (!file.valid() || !send_descriptors(theirs.get(), {}, passed)) return ready.say("none");
    }
    // Detached from the tree, the file system lives as long as its file.
    ::umount2(mount_point.path().c_str(), MNT_DETACH);
    ready.say("open");
    serving.join();
  });
  theirs = UniqueFd{};
  if (server.next_line() != "open") return std::nullopt;
  std::array<std::byte, 1> nothing{};
  auto received = receive_descriptors(ours.get(), nothing);
  auto* got = received ? received->get_if<ReceivedWithDescriptors>() : nullptr;
  if (got == nullptr) return std::nullopt;
  UniqueFd file = std::move(got->descriptors.at(0));
  shared->handed_over = true;
  return FuseFile{std::move(shared), std::move(server), std::move(file)};
}

FuseFile::FuseFile(std::shared_ptr<Shared> shared, ChildProcess server, UniqueFd file)
    : shared_{std::move(shared)}, server_{std::move(server)}, file_{std::move(file)} {}

UniqueFd FuseFile::duplicate() const { return UniqueFd{::fcntl(file_.get(), F_DUPFD_CLOEXEC, 0)}; }

int FuseFile::questions() const noexcept { return shared_->questions; }

}  // namespace ginnel::test
