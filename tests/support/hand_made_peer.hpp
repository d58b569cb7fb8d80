#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <utility>
#include <vector>

#include "channel_format.hpp"
#include "ginnel/core/process_id.hpp"
#include "ginnel/sys/ancillary.hpp"
#include "ginnel/sys/memfd.hpp"

// What a channel's peer says and hands over, made by hand: for tests of those that do it wrongly.

namespace ginnel::hand_made {

inline constexpr std::uint64_t capacity = 65536;
inline constexpr Seals good_seals = Seals::shrink | Seals::grow | Seals::future_write;

template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error{result.error().message()};
  return std::move(*result);
}

template <class T = std::uint64_t>
[[nodiscard]] detail::ChannelHello good_hello() {
  detail::ChannelHello hello{};
  hello.start = {
      .magic = detail::hello_magic, .version = detail::format_version, .header_bytes = sizeof(detail::ChannelHello)};
  hello.capacity = capacity;
  hello.alignment = 8;
  hello.sends = detail::stamp_of(message_type<T>());
  hello.receives = hello.sends;
  return hello;
}

[[nodiscard]] inline UniqueFd memory(Seals seals = good_seals, std::uint64_t size = detail::page_bytes + capacity) {
  auto made = must(Memfd::create("hostile", Bytes{size}));
  if (auto sealed = made.add_seals(seals); !sealed) throw std::runtime_error{"seals"};
  return std::move(made).release();
}
[[nodiscard]] inline UniqueFd sparse_memory(std::uint64_t size) {
  auto made = must(Memfd::create("hostile", Bytes{detail::page_bytes}));
  if (::ftruncate(made.descriptor(), static_cast<off_t>(size)) < 0) throw std::runtime_error{"ftruncate"};
  if (auto sealed = made.add_seals(good_seals); !sealed) throw std::runtime_error{"seals"};
  return std::move(made).release();
}
[[nodiscard]] inline UniqueFd copy_of(int fd) { return UniqueFd{::fcntl(fd, F_DUPFD_CLOEXEC, 0)}; }
[[nodiscard]] inline UniqueFd this_process() { return copy_of(must(Process::self()).pollable()); }
[[nodiscard]] inline UniqueFd opened(const char* path, int flags) { return UniqueFd{::open(path, flags | O_CLOEXEC)}; }

[[nodiscard]] inline std::vector<UniqueFd> both_of(UniqueFd first, UniqueFd second) {
  std::vector<UniqueFd> both;
  both.push_back(std::move(first));
  both.push_back(std::move(second));
  return both;
}
[[nodiscard]] inline std::vector<UniqueFd> with_memory(UniqueFd fd) { return both_of(std::move(fd), this_process()); }

inline void send_raw(int socket, std::span<const std::byte> bytes, const std::vector<UniqueFd>& owned = {}) {
  std::vector<int> descriptors;
  for (const UniqueFd& fd : owned) descriptors.push_back(fd.get());
  const auto sent = send_descriptors(socket, bytes, descriptors, Deadline::after(std::chrono::seconds{30}));
  if (!sent) throw std::runtime_error{sent.error().message()};
}
template <class T>
void send_raw(int socket, const T& value, const std::vector<UniqueFd>& owned = {}) {
  send_raw(socket, std::as_bytes(std::span{&value, 1}), owned);
}

}  // namespace ginnel::hand_made
