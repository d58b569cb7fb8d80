#include "ginnel/sys/huge_pages.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>

#include "ginnel/core/unique_fd.hpp"
#include "huge_page_hint.hpp"
#include "kernel_setting.hpp"
#include "system_call.hpp"

namespace ginnel {
namespace {

std::string folder_of(HugePages size) {
  return "/sys/kernel/mm/hugepages/hugepages-" + std::to_string(page_size(size).count() >> 10) + "kB";
}

Result<std::uint64_t> read_number(const std::string& path) {
  UniqueFd file{retry_interrupted([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC); })};
  if (!file.valid()) return std::unexpected{Error::last("open", path)};
  std::array<char, 32> text{};
  const ssize_t length = retry_interrupted([&] { return ::read(file.get(), text.data(), text.size()); });
  if (length < 0) return std::unexpected{Error::last("read", path)};
  std::uint64_t number = 0;
  std::from_chars(text.data(), text.data() + length, number);
  return number;
}

}  // namespace

Result<std::uint64_t> free_huge_pages(HugePages size) {
  const std::string folder = folder_of(size);
  auto free = read_number(folder + "/free_hugepages");
  if (!free) return free;
  auto promised = read_number(folder + "/resv_hugepages");
  if (!promised) return promised;
  return *free > *promised ? *free - *promised : 0;
}

std::string huge_page_hint(int code, Bytes size, HugePages huge) {
  const Bytes page = page_size(huge);
  switch (code) {
    case ENOSPC:
    case ENOMEM: {
      const auto free = free_huge_pages(huge);
      return std::to_string((size.count() + page.count() - 1) / page.count()) + " huge pages of " + page.to_string() +
             " wanted, " + (free ? std::to_string(*free) : "an unknown number") + " free (" +
             kernel_setting("vm.nr_hugepages") + "); reserve some: " + folder_of(huge) + "/nr_hugepages";
    }
    case EPERM:
      return "huge pages need CAP_IPC_LOCK, or membership of the group in " + kernel_setting("vm.hugetlb_shm_group");
    case ENODEV:
    case EINVAL:
      return "this machine has no huge pages of " + page.to_string() + ": see /sys/kernel/mm/hugepages";
    default:
      return {};
  }
}

}  // namespace ginnel
