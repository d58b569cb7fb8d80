#include "ginnel/sys/inside.hpp"

#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <utility>

#include "ginnel/sys/ancillary.hpp"
#include "ginnel/sys/io.hpp"
#include "system_call.hpp"

namespace ginnel {
namespace {

constexpr char success_mark = '+';
constexpr char failure_mark = '-';

/// `CODE\0OPERATION\0OBJECT\0HINT\0`
std::string pack(const Error& error) {
  std::string text = std::to_string(error.code());
  for (const std::string& part : {error.operation(), error.object(), error.hint()}) text.append(1, '\0').append(part);
  return text + '\0';
}

Error unpack(std::string_view text) {
  std::array<std::string, 4> parts;
  for (std::string& part : parts) {
    part = text.substr(0, text.find('\0'));
    text.remove_prefix(std::min(part.size() + 1, text.size()));
  }
  return Error{std::atoi(parts[0].c_str()), parts[1], parts[2], parts[3]};
}

Result<Carried> enter_and_work(std::span<const int> namespaces, const std::function<Result<Carried>()>& work) {
  for (const int space : namespaces)
    if (::setns(space, 0) < 0) return std::unexpected{Error::last("setns")};
  return work();
}

/// What the descriptors go with. The rest of the stream is as long as it says, or the helper was ended in the middle.
struct Heading {
  char mark = failure_mark;
  std::uint64_t length = 0;
};

/// False when not even that could be said.
bool report(int socket, const Result<Carried>& result) {
  std::vector<int> descriptors;
  if (result)
    for (const UniqueFd& descriptor : result->descriptors) descriptors.push_back(descriptor.get());
  const std::string text = result ? result->bytes : pack(result.error());
  const Heading heading{.mark = result ? success_mark : failure_mark, .length = text.size()};
  const auto sent = send_descriptors(socket, std::as_bytes(std::span{&heading, 1}), descriptors);
  if (!sent && result) return report(socket, std::unexpected{sent.error()});
  if (sent && sent->is<TooManyInFlight>() && result)
    return report(socket, std::unexpected{Error{ETOOMANYREFS, "sendmsg", "helper process"}});
  const auto* whole = sent ? sent->get_if<BytesWritten>() : nullptr;
  if (whole == nullptr || whole->count != sizeof heading) return false;
  const auto written = write_all(socket, as_bytes(text));
  return written && written->end == Transfer::End::complete;
}

[[noreturn]] void be_the_helper(int socket, pid_t parent, std::span<const int> namespaces,
                                const std::function<Result<Carried>()>& work) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const bool reported = ::getppid() == parent && report(socket, enter_and_work(namespaces, work));
  ::_exit(reported ? 0 : 1);  // allowed: the helper process ends here, without the caller's exit handlers
}

Result<std::string> read_to_end(int socket, Deadline deadline) {
  std::string text;
  std::array<std::byte, 65536> buffer{};
  while (true) {
    auto got = read_some(socket, buffer, deadline);
    if (!got) return std::unexpected{got.error()};
    if (got->is<EndOfStream>()) return text;
    if (got->is<TimedOut>()) return std::unexpected{Error{ETIMEDOUT, "read", "helper process"}};
    text += as_text(std::span{buffer}.first(got->as<BytesRead>().count));
  }
}

Error killed_in_the_middle() {
  return Error{ECHILD, "recvmsg", "helper process", "it ended before it had answered whole"};
}

Result<Carried> hear(int socket, Deadline deadline) {
  Heading heading;
  auto first = receive_descriptors(socket, std::as_writable_bytes(std::span{&heading, 1}), deadline);
  if (!first) return std::unexpected{first.error()};
  if (first->is<TimedOut>()) return std::unexpected{Error{ETIMEDOUT, "recvmsg", "helper process"}};
  if (first->is<EndOfStream>() || first->as<ReceivedWithDescriptors>().bytes != sizeof heading)
    return std::unexpected{killed_in_the_middle()};
  auto text = read_to_end(socket, deadline);
  if (!text) return std::unexpected{text.error()};
  if (text->size() != heading.length) return std::unexpected{killed_in_the_middle()};
  if (heading.mark == failure_mark) return std::unexpected{unpack(*text)};
  return Carried{std::move(*text), std::move(first->as<ReceivedWithDescriptors>().descriptors)};
}

/// A child of the caller: its end is collected here, so that it leaves no zombie.
void end_and_collect(pid_t helper) {
  ::kill(helper, SIGKILL);
  retry_interrupted([&] { return ::waitpid(helper, nullptr, __WALL); });
}

}  // namespace

Result<Carried> run_inside(std::span<const int> namespaces, const std::function<Result<Carried>()>& work,
                           Deadline deadline) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) < 0)
    return std::unexpected{Error::last("socketpair")};
  UniqueFd here{ends[0]};
  UniqueFd there{ends[1]};

  const pid_t parent = ::getpid();
  const pid_t helper = ::fork();
  if (helper < 0) return std::unexpected{Error::last("fork", "helper process")};
  if (helper == 0) be_the_helper(there.get(), parent, namespaces, work);
  there.reset();
  auto heard = hear(here.get(), deadline);
  end_and_collect(helper);
  return heard;
}

}  // namespace ginnel
