#include "polled_files.hpp"

#include <algorithm>
#include <climits>
#include <cstring>
#include <optional>

#include "ginnel/sys/directory.hpp"
#include "words.hpp"

namespace ginnel::inventory {
namespace {

// The bits of poll(2) and of epoll_ctl(2), which are the same.
constexpr std::uint32_t for_reading = 0x1 | 0x40 | 0x2000;  // IN, RDNORM, RDHUP
constexpr std::uint32_t for_writing = 0x4 | 0x100;          // OUT, WRNORM
constexpr std::uint32_t edge_triggered = 1U << 31U;         // EPOLLET
constexpr std::uint32_t of_no_event = 0xfU << 28U;          // EPOLLET, EPOLLONESHOT, EPOLLWAKEUP, EPOLLEXCLUSIVE

PolledFile file_of(int fd, std::uint32_t events) noexcept {
  return {.fd = fd,
          .reading = (events & for_reading) != 0,
          .writing = (events & for_writing) != 0,
          .edge_triggered = (events & edge_triggered) != 0};
}

bool has_bit(std::string_view set, std::size_t number) noexcept {
  const std::size_t byte = number / CHAR_BIT;
  return byte < set.size() && (static_cast<unsigned char>(set[byte]) >> (number % CHAR_BIT) & 1U) != 0;
}

/// `tfd: 5 events: 19 data: 5 pos:0 ino:81d3 sdev:8`: the numbers but for the first are hexadecimal, that of the device as the
/// kernel keeps it.
std::optional<PolledFile> watched_file(std::string_view line) {
  if (take_word(line) != "tfd:") return std::nullopt;
  const auto fd = take_number<int>(line);
  if (!fd || *fd < 0 || take_word(line) != "events:") return std::nullopt;
  const auto events = take_number<std::uint32_t>(line, 16);
  if (!events) return std::nullopt;
  // EPOLLERR and EPOLLHUP are always there, but after a one-shot event was told.
  const bool switched_off = (*events & ~of_no_event) == 0;
  if (switched_off) return std::nullopt;
  PolledFile file = file_of(*fd, *events);
  while (!line.empty()) {
    std::string_view word = take_word(line);
    if (word.empty()) break;
    const std::string_view key = take_until(word, ':');
    if (key == "ino") file.inode = to_number<std::uint64_t>(word, 16).value_or(0);
    if (key == "sdev") {
      constexpr std::uint32_t minor_bits = 20;
      const auto device = to_number<std::uint32_t>(word, 16).value_or(0);
      file.device = device_number(device >> minor_bits, device & ((1U << minor_bits) - 1));
    }
  }
  return file;
}

}  // namespace

std::vector<PolledFile> polled_files(std::string_view bytes) {
  struct Polled {  // struct pollfd
    std::int32_t fd;
    std::uint16_t events;
    std::uint16_t returned;
  };
  std::vector<PolledFile> files;
  for (; bytes.size() >= sizeof(Polled); bytes.remove_prefix(sizeof(Polled))) {
    Polled polled{};
    std::memcpy(&polled, bytes.data(), sizeof polled);
    if (polled.fd >= 0) files.push_back(file_of(polled.fd, polled.events));
  }
  return files;
}

std::vector<PolledFile> selected_files(std::string_view reading, std::string_view writing, std::size_t count) {
  std::vector<PolledFile> files;
  count = std::min(count, std::max(reading.size(), writing.size()) * CHAR_BIT);
  for (std::size_t fd = 0; fd < count; ++fd) {
    const PolledFile file{.fd = static_cast<int>(fd), .reading = has_bit(reading, fd), .writing = has_bit(writing, fd)};
    if (file.reading || file.writing) files.push_back(file);
  }
  return files;
}

std::vector<PolledFile> watched_files(std::string_view fdinfo) {
  std::vector<PolledFile> files;
  while (!fdinfo.empty())
    if (const auto file = watched_file(take_line(fdinfo))) files.push_back(*file);
  return files;
}

}  // namespace ginnel::inventory
