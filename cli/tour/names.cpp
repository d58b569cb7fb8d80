#include "tour/names.hpp"

#include <stdlib.h>
#include <unistd.h>

#include <cassert>
#include <cerrno>
#include <filesystem>
#include <random>
#include <system_error>
#include <utility>

#include "ginnel/sys/posix_queue.hpp"
#include "ginnel/sys/posix_semaphore.hpp"
#include "ginnel/sys/shared_memory.hpp"
#include "ginnel/sys/sysv_queue.hpp"
#include "ginnel/sys/sysv_semaphore.hpp"

namespace ginnel::cli::tour {
namespace {

SysvName by_key(std::int32_t key) { return {.key = key, .id = std::nullopt}; }

template <class Object>
void remove_by_key(std::int32_t key) {
  if (auto object = Object::open(by_key(key))) (void)object->remove();
}

template <class Object>
bool is_free(std::int32_t key) {
  const auto object = Object::open(by_key(key));
  return !object && object.error().code() == ENOENT;
}

std::int32_t choose_free_keys() {
  std::random_device random;
  while (true) {
    const auto first = static_cast<std::int32_t>((random() & 0x3fff'ffffU) | 0x4000'0000U);
    bool all_free = true;
    for (std::int32_t key = first; key < first + static_cast<std::int32_t>(Names::per_kind); ++key)
      all_free = all_free && is_free<SysvQueue>(key) && is_free<SysvShm>(key) && is_free<SysvSemaphoreSet>(key);
    if (all_free) return first;
  }
}

}  // namespace

Names::Names(std::string directory, std::string stem, std::int32_t first_key) noexcept
    : directory_{std::move(directory)}, stem_{std::move(stem)}, first_key_{first_key} {}

Names::Names(Names&& other) noexcept
    : directory_{std::exchange(other.directory_, {})}, stem_{std::move(other.stem_)}, first_key_{other.first_key_} {}

Result<Names> Names::create() {
  std::error_code none;
  std::string directory = std::filesystem::temp_directory_path(none) / "ginnel-tour-XXXXXX";
  if (none) directory = "/tmp/ginnel-tour-XXXXXX";
  if (::mkdtemp(directory.data()) == nullptr)
    return std::unexpected{
        Error::last("mkdtemp", directory)
            .with_hint("the tour needs a directory of its own; set TMPDIR to a place where you may write")};
  std::string stem = "/ginnel-tour-" + std::to_string(::getpid()) + directory.substr(directory.rfind('-'));
  return Names{std::move(directory), std::move(stem), choose_free_keys()};
}

Names::~Names() {
  if (directory_.empty()) return;
  clear();
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
  if (ignored) ::rmdir(directory_.c_str());  // an empty one goes also where no descriptor is free to look into it
}

std::string Names::object(std::size_t number) const {
  assert(number < per_kind);
  return stem_ + "-" + std::to_string(number);
}

std::int32_t Names::key(std::size_t number) const {
  assert(number < per_kind);
  return first_key_ + static_cast<std::int32_t>(number);
}

void Names::clear() const noexcept {
  for (std::size_t i = 0; i < per_kind; ++i) {
    (void)PosixQueue::unlink(object(i));
    (void)PosixShm::unlink(object(i));
    (void)PosixSemaphore::unlink(object(i));
    remove_by_key<SysvQueue>(key(i));
    remove_by_key<SysvShm>(key(i));
    remove_by_key<SysvSemaphoreSet>(key(i));
  }
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator{directory_, ignored})
    std::filesystem::remove_all(entry.path(), ignored);
}

}  // namespace ginnel::cli::tour
