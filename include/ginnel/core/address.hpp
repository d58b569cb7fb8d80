#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "ginnel/core/result.hpp"

namespace ginnel {

enum class AddressKind {
  fifo,
  unix_stream,
  unix_seqpacket,
  unix_datagram,
  posix_queue,
  sysv_queue,
  posix_shm,
  sysv_shm,
  memfd,
  posix_semaphore,
  sysv_semaphore,
  lock,
  process,
  signal,
  topic,
  latest,
  queue,
  channel,
  standard_stream,
  descriptor,
};

/// The scheme as it is written: `fifo`, `unix-seq`, `sysv-shm`, …; `-` for the standard streams.
[[nodiscard]] std::string_view scheme(AddressKind kind) noexcept;

/// A System V object: by key, which a restart can find again, or by the id the kernel gave.
struct SysvName {
  std::optional<std::int32_t> key{};
  std::optional<int> id{};  ///< exactly one of the two is set
  bool operator==(const SysvName&) const = default;
};

/// The one way to name anything that processes talk through, in the library and on the command line:
///
///     fifo:/tmp/x     unix:/tmp/s     unix-seq:/tmp/s    unix-dgram:/tmp/s    unix:@abstract
///     mq:/name        sysv-msg:0x1234 (key)              sysv-msg:id=7
///     shm:/name       sysv-shm:0x1234                    memfd:PID/FD
///     sem:/name       sysv-sem:0x1234                    lock:/path
///     pid:1234        signal:PID
///     topic:name      latest:name     queue:name         channel:/path
///     -  (standard input or output)   fd:3
///
/// Only the form is checked here; whether the object exists is for the mechanism to say.
struct Address {
  AddressKind kind = AddressKind::standard_stream;
  std::string name{};    ///< path or name; an abstract socket's begins with '@'; empty where numbers say it all
  SysvName sysv{};       ///< for the three sysv kinds
  std::int32_t pid = 0;  ///< for process, signal and memfd
  int fd = -1;           ///< for descriptor and memfd

  /// Errors: EINVAL; its hint shows the accepted forms, those of that scheme when the scheme was understood.
  [[nodiscard]] static Result<Address> parse(std::string_view text);
  /// The canonical form; parse() reads it back to an equal address.
  [[nodiscard]] std::string to_string() const;
  [[nodiscard]] bool is_sysv() const noexcept;

  bool operator==(const Address&) const = default;
};

/// All accepted forms, a line for each, for help texts and errors.
[[nodiscard]] std::string_view address_forms() noexcept;

}  // namespace ginnel
