#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "endpoints/server.hpp"
#include "endpoints/unopened.hpp"
#include "foreground.hpp"
#include "ginnel/sys/ancillary.hpp"
#include "ginnel/sys/fifo.hpp"
#include "ginnel/sys/io.hpp"
#include "ginnel/sys/spawn.hpp"
#include "options.hpp"
#include "render/json.hpp"
#include "render/output.hpp"
#include "render/table.hpp"
#include "verbs.hpp"

namespace ginnel::cli {
namespace {

constexpr int first_passed = 3;  // after the standard streams, as LISTEN_FDS has it

Result<Address> socket_address(const std::string& text) {
  auto address = Address::parse(text);
  if (!address) return address;
  if (address->kind != AddressKind::unix_stream && address->kind != AddressKind::unix_seqpacket)
    return std::unexpected{usage_error(text, "descriptors travel over a connection: unix:PATH or unix-seq:PATH")};
  return address;
}

struct SendAsked {
  std::string address;
  std::vector<std::string> files;
  bool write = false;
  bool append = false;
  WaitOptions wait;
};

/// Of one word: a file opened here, or with fd:N one that the caller has open already.
struct Passed {
  UniqueFd owned;
  int fd = -1;
};

bool is_fifo(int fd) {
  struct stat status{};
  return ::fstat(fd, &status) == 0 && S_ISFIFO(status.st_mode);
}

/// Opens a file. The other side of a FIFO is waited for until the deadline, where open(2) would wait for ever: a reader, or
/// something to read, since before that the receiver would find the end of a stream that has not begun.
Result<Outcome<UniqueFd, TimedOut>> open_file(const std::string& word, int flags, Deadline deadline) {
  UniqueFd file{::open(word.c_str(), flags | O_CLOEXEC | O_NONBLOCK, 0666)};
  if (!file.valid()) {
    const Error refused = Error::last("open", word);
    const bool lacks_reader = refused.code() == ENXIO && (flags & O_ACCMODE) == O_WRONLY;
    if (!lacks_reader) return std::unexpected{refused};
    auto writer = open_fifo_writer(word, deadline);
    if (!writer) return std::unexpected{writer.error()};
    if (writer->is<TimedOut>()) return TimedOut{};
    file = std::move(*writer).as<UniqueFd>();
  } else if ((flags & O_ACCMODE) == O_RDONLY && is_fifo(file.get())) {
    auto ready = wait_ready(file.get(), Interest::readable, deadline);
    if (!ready) return std::unexpected{ready.error()};
    if (ready->is<TimedOut>()) return TimedOut{};
  }
  if (auto waits = set_nonblocking(file.get(), false); !waits) return std::unexpected{waits.error()};
  return file;
}

Result<Outcome<Passed, TimedOut>> open_to_pass(const std::string& word, int flags, Deadline deadline) {
  if (word.starts_with("fd:")) {
    auto address = Address::parse(word);
    if (!address) return std::unexpected{address.error()};
    auto kind = descriptor_kind(address->fd);
    if (!kind)
      return std::unexpected{Error{kind.error()}.with_object(word).with_hint(
          "no such descriptor is open here: the shell opens it, as in 5<file")};
    return Passed{{}, address->fd};
  }
  auto opened = open_file(word, flags, deadline);
  if (!opened) return std::unexpected{opened.error()};
  if (opened->is<TimedOut>()) return TimedOut{};
  UniqueFd file = std::move(*opened).as<UniqueFd>();
  const int fd = file.get();
  return Passed{std::move(file), fd};
}

Result<int> send_files(const SendAsked& asked) {
  auto address = socket_address(asked.address);
  if (!address) return std::unexpected{address.error()};
  if (asked.write && asked.append) return std::unexpected{usage_error("--write", "give --write or --append, not both")};
  if (asked.files.size() > passed_descriptors_max)
    return std::unexpected{usage_error(std::to_string(asked.files.size()) + " files", "one message carries up to 253")};
  auto deadline = asked.wait.deadline();
  if (!deadline) return std::unexpected{deadline.error()};

  const int flags = asked.append ? O_WRONLY | O_APPEND | O_CREAT : (asked.write ? O_RDWR : O_RDONLY);
  std::vector<Passed> passed;
  std::vector<int> numbers;
  for (const std::string& word : asked.files) {
    auto opened = open_to_pass(word, flags, *deadline);
    if (!opened) return std::unexpected{opened.error()};
    if (opened->is<TimedOut>())
      return nothing(fd_verb, word + ": the other side of this FIFO did not come within the time given");
    numbers.push_back(opened->as<Passed>().fd);
    passed.push_back(std::move(*opened).as<Passed>());
  }

  auto socket = connect_to(*address, *deadline);
  if (!socket) return unopened(fd_verb, *address, socket.error());
  const auto in_time = address->to_string() + ": no receiver within the time given";
  if (socket->is<TimedOut>()) return nothing(fd_verb, in_time);
  constexpr std::array greeting{std::byte{0}};  // on a stream descriptors go along with a byte at least
  auto sent = send_descriptors(socket->as<UniqueFd>().get(), greeting, numbers, *deadline);
  if (!sent) return std::unexpected{sent.error()};
  if (sent->is<TimedOut>()) return nothing(fd_verb, in_time);
  if (sent->is<PeerGone>()) return nothing(fd_verb, address->to_string() + ": the receiver has gone");
  if (sent->is<TooManyInFlight>())
    return nothing(fd_verb, address->to_string() +
                                ": this user has as many descriptors under way as RLIMIT_NOFILE allows "
                                "(ETOOMANYREFS); try again when receivers have taken some");
  return exit_done;
}

struct ReceiveAsked {
  std::string address;
  ServerOptions server;
  WaitOptions wait;
  bool json = false;
};

std::string target_of(int fd) {
  std::array<char, 4096> target{};
  const std::string link = "/proc/self/fd/" + std::to_string(fd);
  const auto length = ::readlink(link.c_str(), target.data(), target.size());
  return length < 0 ? std::string{} : std::string{target.data(), static_cast<std::size_t>(length)};
}

std::string_view access_of(int fd) {
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 || (flags & O_PATH) != 0) return "path";
  switch (flags & O_ACCMODE) {
    case O_RDONLY:
      return "read";
    case O_WRONLY:
      return (flags & O_APPEND) != 0 ? "append" : "write";
    default:
      return "both";
  }
}

int print(const std::vector<UniqueFd>& descriptors, bool json) {
  Json list = Json::array();
  Table table{{{"fd", Align::right}, {"kind"}, {"access"}, {"target"}}};
  int number = first_passed;
  for (const UniqueFd& descriptor : descriptors) {
    const auto kind = descriptor_kind(descriptor.get());
    const std::string word{kind ? to_string(*kind) : "unknown"};
    const std::string access{access_of(descriptor.get())};
    const std::string target = target_of(descriptor.get());
    list.push_back({{"fd", number}, {"kind", word}, {"access", access}, {"target", target}});
    table.add_row(
        {{std::to_string(number), Colour::none}, {word, Colour::none}, {access, Colour::none}, {target, Colour::none}});
    ++number;
  }
  const std::string text = json ? to_text(list) : table.render(Screen::of(STDOUT_FILENO));
  put_text(text);
  return exit_done;
}

Result<int> run_command(const std::vector<UniqueFd>& descriptors, const TrailingWords& command) {
  SpawnOptions options;
  int number = first_passed;
  for (const UniqueFd& descriptor : descriptors) options.descriptors.emplace_back(descriptor.get(), number++);
  options.extra_environment.push_back("LISTEN_FDS=" + std::to_string(descriptors.size()));
  auto foreground = Foreground::begin();
  if (!foreground) return std::unexpected{foreground.error()};
  auto process = spawn(command, options);
  if (!process) return std::unexpected{process.error()};
  return foreground->run_to_end(std::move(*process));
}

Result<int> receive_files(const ReceiveAsked& asked, const TrailingWords& command) {
  auto address = socket_address(asked.address);
  if (!address) return std::unexpected{address.error()};
  if (asked.json && !command.empty())
    return std::unexpected{usage_error("--json", "with a command nothing is printed but what it prints")};
  auto deadline = asked.wait.deadline();
  if (!deadline) return std::unexpected{deadline.error()};
  auto options = asked.server.listen_options();
  if (!options) return std::unexpected{options.error()};

  auto socket = asked.server.listens() ? accept_one(*address, *options, *deadline) : connect_to(*address, *deadline);
  if (!socket) return unopened(fd_verb, *address, socket.error());
  const auto in_time = address->to_string() + ": no descriptors within the time given";
  if (socket->is<TimedOut>()) return nothing(fd_verb, in_time);
  std::array<std::byte, 65'536> bytes;
  auto received = receive_descriptors(socket->as<UniqueFd>().get(), bytes, *deadline);
  if (!received) return std::unexpected{received.error()};
  if (received->is<TimedOut>()) return nothing(fd_verb, in_time);
  const auto* const message = received->get_if<ReceivedWithDescriptors>();
  if (message == nullptr || message->descriptors.empty())
    return nothing(fd_verb, address->to_string() + ": the sender passed no descriptors");
  socket->as<UniqueFd>().reset();
  return command.empty() ? Result<int>{print(message->descriptors, asked.json)}
                         : run_command(message->descriptors, command);
}

void define_send(const VerbOptions& options, SendAsked& asked) {
  options.add_option("ADDRESS", asked.address, "unix:PATH or unix-seq:PATH").required();
  options.add_option("FILE", asked.files, "Files to open and pass, or fd:N for one that is open; up to 253").required();
  options.add_flag("--write", asked.write, "Open the files for reading and writing (default: reading only)");
  options.add_flag("--append", asked.append, "Open the files for appending, and make those that are missing");
  asked.wait.add_to(options);
}

void define_receive(const VerbOptions& options, ReceiveAsked& asked) {
  options.add_option("ADDRESS", asked.address, "unix:PATH or unix-seq:PATH").required();
  asked.server.add_to(options, "Bind the socket and let one sender in");
  add_json_flag(options, asked.json);
  asked.wait.add_to(options);
  options.footer(
      "Examples\n"
      "  ginnel fd recv --listen unix-seq:/tmp/s -- sh -c 'cat <&3'\n"
      "  ginnel fd recv unix:/tmp/s --json\n"
      "\n"
      "After -- a command: it gets the descriptors as 3, 4, … (how many: $LISTEN_FDS),\n"
      "and its exit code is passed on. Without one they are listed.");
}

CommandRun define_fd(const VerbOptions& options) {
  auto send_asked = std::make_shared<SendAsked>();
  auto receive_asked = std::make_shared<ReceiveAsked>();
  define_send(options.add_verb("send", "Open files and pass them to another process"), *send_asked);
  const VerbOptions receive = options.add_verb("recv", "Receive open files, list them or run a command with them");
  define_receive(receive, *receive_asked);
  return [=](const TrailingWords& trailing) -> Result<int> {
    if (receive.is_chosen()) return receive_files(*receive_asked, trailing);
    if (!trailing.empty())
      return std::unexpected{usage_error("--", "fd send takes no command: see 'ginnel fd --help'")};
    return send_files(*send_asked);
  };
}

}  // namespace

const Verb fd_verb{"fd", "Pass open files to another process, which may not be allowed to open them itself",
                   "  ginnel fd recv --listen unix-seq:/tmp/s -- sh -c 'cat <&3' &\n"
                   "  ginnel fd send unix-seq:/tmp/s ./file\n"
                   "  ginnel fd send --append unix:/tmp/s /var/log/a.log fd:5 5<>data\n"
                   "  ginnel fd recv unix:/tmp/s --json\n",
                   "[-- COMMAND [ARGUMENT]...]", define_fd};

}  // namespace ginnel::cli
