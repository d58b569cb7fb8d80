#include "ginnel/core/address.hpp"

#include <array>
#include <cerrno>
#include <charconv>
#include <limits>

namespace ginnel {
namespace {

enum class Form { path, socket, slash_name, sysv, process, descriptor, pid_and_fd, plain_name };

struct Scheme {
  AddressKind kind;
  std::string_view word;
  Form form;
  std::string_view accepted;
};

constexpr std::array schemes{
    Scheme{AddressKind::fifo, "fifo", Form::path, "fifo:/path"},
    Scheme{AddressKind::unix_stream, "unix", Form::socket, "unix:/path or unix:@abstract"},
    Scheme{AddressKind::unix_seqpacket, "unix-seq", Form::socket, "unix-seq:/path or unix-seq:@abstract"},
    Scheme{AddressKind::unix_datagram, "unix-dgram", Form::socket, "unix-dgram:/path or unix-dgram:@abstract"},
    Scheme{AddressKind::posix_queue, "mq", Form::slash_name,
           "mq:/name (one slash, at the front; at most 255 bytes with it)"},
    Scheme{AddressKind::sysv_queue, "sysv-msg", Form::sysv, "sysv-msg:0x1234 (key) or sysv-msg:id=7"},
    Scheme{AddressKind::posix_shm, "shm", Form::slash_name,
           "shm:/name (one slash, at the front; at most 255 bytes with it)"},
    Scheme{AddressKind::sysv_shm, "sysv-shm", Form::sysv, "sysv-shm:0x1234 (key) or sysv-shm:id=7"},
    Scheme{AddressKind::memfd, "memfd", Form::pid_and_fd, "memfd:PID/FD"},
    Scheme{AddressKind::posix_semaphore, "sem", Form::slash_name,
           "sem:/name (one slash, at the front; at most 252 bytes with it)"},
    Scheme{AddressKind::sysv_semaphore, "sysv-sem", Form::sysv, "sysv-sem:0x1234 (key) or sysv-sem:id=7"},
    Scheme{AddressKind::lock, "lock", Form::path, "lock:/path"},
    Scheme{AddressKind::process, "pid", Form::process, "pid:PID"},
    Scheme{AddressKind::signal, "signal", Form::process, "signal:PID"},
    Scheme{AddressKind::topic, "topic", Form::plain_name, "topic:name"},
    Scheme{AddressKind::latest, "latest", Form::plain_name, "latest:name"},
    Scheme{AddressKind::queue, "queue", Form::plain_name, "queue:name"},
    Scheme{AddressKind::channel, "channel", Form::socket, "channel:/path"},
    Scheme{AddressKind::descriptor, "fd", Form::descriptor, "fd:3"},
};

constexpr std::string_view all_forms =
    "  fifo:/path        unix:/path         unix-seq:/path       unix-dgram:/path\n"
    "                    unix:@abstract     unix-seq:@abstract   unix-dgram:@abstract\n"
    "  mq:/name          sysv-msg:0x1234    sysv-msg:id=7\n"
    "  shm:/name         sysv-shm:0x1234    sysv-shm:id=7        memfd:PID/FD\n"
    "  sem:/name         sysv-sem:0x1234    sysv-sem:id=7        lock:/path\n"
    "  pid:1234          signal:PID\n"
    "  topic:name        latest:name        queue:name           channel:/path\n"
    "  - (standard input or output)         fd:3\n";

template <class Number>
bool whole_number(std::string_view text, Number& number, int base = 10) {
  const char* const end = text.data() + text.size();
  const auto [rest, fault] = std::from_chars(text.data(), end, number, base);
  return fault == std::errc{} && rest == end && !text.empty();
}

bool process_number(std::string_view text, std::int32_t& pid) { return whole_number(text, pid) && pid > 0; }

bool descriptor_number(std::string_view text, int& fd) { return whole_number(text, fd) && fd >= 0; }

/// `/name`: what mq_overview(7), shm_overview(7) and sem_overview(7) ask for. The file of a semaphore is called `sem.name`,
/// and so its name may be 251 bytes long behind the slash.
bool is_slash_name(AddressKind kind, std::string_view text) {
  const std::size_t name_max = kind == AddressKind::posix_semaphore ? 252 : 255;
  return text.size() >= 2 && text.size() <= name_max && text.front() == '/' &&
         text.find('/', 1) == std::string_view::npos && text != "/." && text != "/..";
}

bool parse_sysv(std::string_view text, SysvName& name) {
  if (text.starts_with("id=")) {
    int id = 0;
    if (!whole_number(text.substr(3), id) || id < 0) return false;
    name.id = id;
    return true;
  }
  const bool hexadecimal = text.starts_with("0x") || text.starts_with("0X");
  std::uint32_t key = 0;
  if (!whole_number(hexadecimal ? text.substr(2) : text, key, hexadecimal ? 16 : 10) || key == 0) return false;
  name.key = static_cast<std::int32_t>(key);
  return true;
}

bool parse_body(Form form, std::string_view body, Address& address) {
  if (body.empty() || body.find('\0') != std::string_view::npos) return false;
  switch (form) {
    case Form::path:
    case Form::plain_name:
      address.name = body;
      return true;
    case Form::socket:
      address.name = body;
      return body != "@";
    case Form::slash_name:
      address.name = body;
      return is_slash_name(address.kind, body);
    case Form::sysv:
      return parse_sysv(body, address.sysv);
    case Form::process:
      return process_number(body, address.pid);
    case Form::descriptor:
      return descriptor_number(body, address.fd);
    case Form::pid_and_fd: {
      const auto slash = body.find('/');
      return slash != std::string_view::npos && process_number(body.substr(0, slash), address.pid) &&
             descriptor_number(body.substr(slash + 1), address.fd);
    }
  }
  return false;
}

std::string hexadecimal(std::int32_t key) {
  std::array<char, 8> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), static_cast<std::uint32_t>(key), 16).ptr;
  return "0x" + std::string{digits.data(), end};
}

}  // namespace

std::string_view scheme(AddressKind kind) noexcept {
  for (const Scheme& candidate : schemes)
    if (candidate.kind == kind) return candidate.word;
  return "-";
}

Result<Address> Address::parse(std::string_view text) {
  Address address;
  if (text == "-") return address;

  const auto colon = text.find(':');
  if (colon != std::string_view::npos) {
    for (const Scheme& candidate : schemes) {
      if (candidate.word != text.substr(0, colon)) continue;
      address.kind = candidate.kind;
      if (parse_body(candidate.form, text.substr(colon + 1), address)) return address;
      return std::unexpected{Error{EINVAL, "address", text, "expected " + std::string{candidate.accepted}}};
    }
  }
  return std::unexpected{Error{EINVAL, "address", text, "accepted forms are\n" + std::string{all_forms}}};
}

std::string Address::to_string() const {
  if (kind == AddressKind::standard_stream) return "-";
  std::string text{scheme(kind)};
  text.push_back(':');
  switch (kind) {
    case AddressKind::sysv_queue:
    case AddressKind::sysv_shm:
    case AddressKind::sysv_semaphore:
      return text + (sysv.id ? "id=" + std::to_string(*sysv.id) : hexadecimal(sysv.key.value_or(0)));
    case AddressKind::memfd:
      return text + std::to_string(pid) + '/' + std::to_string(fd);
    case AddressKind::process:
    case AddressKind::signal:
      return text + std::to_string(pid);
    case AddressKind::descriptor:
      return text + std::to_string(fd);
    default:
      return text + name;
  }
}

bool Address::is_sysv() const noexcept {
  return kind == AddressKind::sysv_queue || kind == AddressKind::sysv_shm || kind == AddressKind::sysv_semaphore;
}

std::string_view address_forms() noexcept { return all_forms; }

}  // namespace ginnel
