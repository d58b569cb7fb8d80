#include "support/scratch.hpp"

#include <dirent.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

namespace ginnel::test {
namespace {

std::atomic<unsigned> counter{0};

bool key_is_free(key_t key) {
  return ::shmget(key, 0, 0) < 0 && errno == ENOENT && ::msgget(key, 0) < 0 && errno == ENOENT &&
         ::semget(key, 0, 0) < 0 && errno == ENOENT;
}

}  // namespace

ScratchDirectory::ScratchDirectory() {
  std::string pattern = (std::filesystem::temp_directory_path() / "ginnel-test-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) {
    std::perror("mkdtemp");
    std::abort();
  }
  path_ = pattern;
}

ScratchDirectory::~ScratchDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string unique_name() {
  return "/ginnel-test-" + std::to_string(::getpid()) + "-" + std::to_string(counter.fetch_add(1));
}

std::int32_t unique_key() {
  // A range of its own; the pid keeps runs side by side apart, and a key that is taken is passed over.
  while (true) {
    const auto mix = static_cast<std::uint32_t>(::getpid()) * 2654435761U + counter.fetch_add(1) * 40503U;
    const auto key = static_cast<std::int32_t>(0x4700'0000U | (mix & 0x00ff'ffffU));
    if (key_is_free(key)) return key;
  }
}

std::vector<std::string> open_descriptors() {
  std::vector<std::string> found;
  DIR* folder = ::opendir("/proc/self/fd");
  if (folder == nullptr) std::abort();
  while (const dirent* entry = ::readdir(folder)) {
    const std::string number = entry->d_name;
    if (number.front() == '.' || number == std::to_string(::dirfd(folder))) continue;
    std::array<char, PATH_MAX> target{};
    const auto length = ::readlink(("/proc/self/fd/" + number).c_str(), target.data(), target.size());
    found.push_back(number + " -> " +
                    std::string(target.data(), static_cast<std::size_t>(std::max<ssize_t>(length, 0))));
  }
  ::closedir(folder);
  std::sort(found.begin(), found.end());
  return found;
}

std::size_t open_descriptor_count() { return open_descriptors().size(); }

std::vector<std::byte> test_pattern(std::size_t size, std::uint32_t seed) {
  std::vector<std::byte> bytes(size);
  std::uint64_t state = seed * 0x9e3779b97f4a7c15ULL + 1;
  for (std::byte& byte : bytes) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    byte = static_cast<std::byte>(state >> 56);
  }
  return bytes;
}

}  // namespace ginnel::test
