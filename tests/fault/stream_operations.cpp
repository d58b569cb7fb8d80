#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <memory>

#include "ginnel/sys/eventfd.hpp"
#include "ginnel/sys/fifo.hpp"
#include "ginnel/sys/io.hpp"
#include "ginnel/sys/pipe.hpp"
#include "ginnel/sys/relay.hpp"
#include "operations.hpp"

namespace ginnel::fault {
namespace {

std::shared_ptr<Pipe> ready_pipe(PipeOptions options = {}) {
  return std::make_shared<Pipe>(must(Pipe::create(options)));
}

std::shared_ptr<Eventfd> ready_eventfd() { return std::make_shared<Eventfd>(must(Eventfd::create({.initial = 10}))); }

std::string write_then_read(const Pipe& pipe) {
  auto put = write_all(pipe.write_end.get(), as_bytes("ten bytes.."));
  if (!put) return report(put);
  std::array<std::byte, 11> buffer{};
  auto got = read_all(pipe.read_end.get(), buffer, Deadline::after(patience));
  if (!got) return report(got);
  return got->bytes == put->bytes ? "done" : "outcome Short";
}

/// A FIFO that goes with the last attempt.
struct FifoUntilEnd {
  std::string path = scratch_file("fifo");
  FifoUntilEnd() { must(create_fifo(path)); }
  FifoUntilEnd(const FifoUntilEnd&) = delete;
  FifoUntilEnd& operator=(const FifoUntilEnd&) = delete;
  ~FifoUntilEnd() { (void)remove_fifo(path); }
};

Attempt create_and_remove(const std::string& path, const FifoOptions& options) {
  auto created = create_fifo(path, options);
  if (!created) return {report(created)};
  return {report(created), [path] { must(remove_fifo(path)); }};
}

Attempt message_through(const Pipe& pipe) {
  auto sent = send_message(pipe.write_end.get(), as_bytes("message"), Deadline::after(patience));
  if (!sent) return {report(sent)};
  UniqueFd copy{::fcntl(pipe.read_end.get(), F_DUPFD_CLOEXEC, 0)};
  if (!copy.valid()) return {report_error(Error::last("fcntl"))};
  FifoMessageReader reader{std::move(copy)};
  // A first attempt that failed between the two left its message there.
  return {report(reader.receive(Deadline::after(patience)))};
}

/// A pipe with a few bytes in it and no writer: what is relayed from it ends.
Result<UniqueFd> ended_stream() {
  auto pipe = Pipe::create();
  if (!pipe) return std::unexpected{pipe.error()};
  auto put = write_all(pipe->write_end.get(), as_bytes("bytes"));
  if (!put) return std::unexpected{put.error()};
  return std::move(pipe->read_end);
}

Attempt relay_to_two(const Pipe& output, const Pipe& copy) {
  auto input = ended_stream();
  if (!input) return {report(input)};
  return {
      report(relay_with_copy(input->get(), output.write_end.get(), copy.write_end.get(), Deadline::after(patience)))};
}

Attempt relay_two_ways(const Pipe& to_a, const Pipe& to_b) {
  auto from_a = ended_stream();
  if (!from_a) return {report(from_a)};
  auto from_b = ended_stream();
  if (!from_b) return {report(from_b)};
  const DuplexEnds ends{
      .a_in = from_a->get(), .a_out = to_a.write_end.get(), .b_in = from_b->get(), .b_out = to_b.write_end.get()};
  return {report(relay_both_ways(ends, Deadline::after(patience)))};
}

}  // namespace

std::vector<Operation> stream_operations() {
  return {
      {"Pipe::create", [] { return [] { return Attempt{report(Pipe::create())}; }; }},
      {"read_some",
       [] {
         auto pipe = ready_pipe();
         (void)must(write_all(pipe->write_end.get(), as_bytes("two attempts")));
         return [pipe] {
           std::array<std::byte, 4> buffer{};
           return Attempt{report(read_some(pipe->read_end.get(), buffer))};
         };
       }},
      {"read_some non-blocking",
       [] {
         auto pipe = ready_pipe({.nonblocking = true});
         (void)must(write_all(pipe->write_end.get(), as_bytes("two attempts")));
         return [pipe] {
           std::array<std::byte, 4> buffer{};
           return Attempt{report(read_some(pipe->read_end.get(), buffer))};
         };
       }},
      {"write_some",
       [] {
         return [pipe = ready_pipe()] { return Attempt{report(write_some(pipe->write_end.get(), as_bytes("bytes")))}; };
       }},
      {"write_all and read_all", [] { return [pipe = ready_pipe()] { return Attempt{write_then_read(*pipe)}; }; }},
      {"wait_ready",
       [] {
         return
             [pipe = ready_pipe()] { return Attempt{report(wait_ready(pipe->write_end.get(), Interest::writable))}; };
       }},
      {"set_nonblocking",
       [] {
         return [pipe = ready_pipe(), on = std::make_shared<bool>(false)] {
           *on = !*on;
           return Attempt{report(set_nonblocking(pipe->read_end.get(), *on))};
         };
       }},
      {"set_close_on_exec",
       [] {
         return [pipe = ready_pipe(), on = std::make_shared<bool>(true)] {
           *on = !*on;
           return Attempt{report(set_close_on_exec(pipe->read_end.get(), *on))};
         };
       }},
      {"descriptor_kind pipe",
       [] { return [pipe = ready_pipe()] { return Attempt{report(descriptor_kind(pipe->read_end.get()))}; }; }},
      {"descriptor_kind eventfd",
       [] { return [event = ready_eventfd()] { return Attempt{report(descriptor_kind(event->pollable()))}; }; }},
      {"pipe_capacity",
       [] { return [pipe = ready_pipe()] { return Attempt{report(pipe_capacity(pipe->read_end.get()))}; }; }},
      {"set_pipe_capacity",
       [] {
         return
             [pipe = ready_pipe()] { return Attempt{report(set_pipe_capacity(pipe->read_end.get(), Bytes::kib(16)))}; };
       }},
      {"pipe_bytes_waiting",
       [] { return [pipe = ready_pipe()] { return Attempt{report(pipe_bytes_waiting(pipe->read_end.get()))}; }; }},
      {"relay",
       [] {
         return [input = ready_pipe(), output = ready_pipe()] {
           auto put = write_all(input->write_end.get(), as_bytes("bytes"));
           if (!put) return Attempt{report(put)};
           return Attempt{
               report(relay(input->read_end.get(), output->write_end.get(), {.limit = 5}, Deadline::after(patience)))};
         };
       }},
      {"relay_with_copy",
       [] { return [output = ready_pipe(), copy = ready_pipe()] { return relay_to_two(*output, *copy); }; }},
      {"relay_both_ways",
       [] { return [to_a = ready_pipe(), to_b = ready_pipe()] { return relay_two_ways(*to_a, *to_b); }; }},
      {"create_fifo", [] { return [] { return create_and_remove(scratch_file("fifo"), {}); }; }},
      {"create_fifo not exclusive",
       [] { return [] { return create_and_remove(scratch_file("fifo"), {.exclusive = false}); }; }},
      {"create_fifo that is there",
       [] {
         return [fifo = std::make_shared<FifoUntilEnd>()] {
           return Attempt{report(create_fifo(fifo->path, {.exclusive = false}))};
         };
       }},
      {"remove_fifo",
       [] {
         auto names = std::make_shared<std::vector<std::string>>();
         for (const char* name : {"fifo-1", "fifo-2"}) {
           names->push_back(scratch_file(name));
           must(create_fifo(names->back()));
         }
         return [names] {
           auto removed = remove_fifo(names->back());
           names->pop_back();
           return Attempt{report(removed)};
         };
       }},
      {"open_fifo_reader",
       [] {
         return [fifo = std::make_shared<FifoUntilEnd>()] { return Attempt{report(open_fifo_reader(fifo->path))}; };
       }},
      {"open_fifo_writer",
       [] {
         auto fifo = std::make_shared<FifoUntilEnd>();
         auto reader = std::make_shared<UniqueFd>(must(open_fifo_reader(fifo->path)));
         return [fifo, reader] { return Attempt{report(open_fifo_writer(fifo->path, Deadline::after(patience)))}; };
       }},
      {"send_message and receive", [] { return [pipe = ready_pipe()] { return message_through(*pipe); }; }},
      {"Eventfd::adopt",
       [] {
         return [event = ready_eventfd()] {
           UniqueFd copy{::dup(event->pollable())};
           if (!copy.valid()) return Attempt{report_error(Error::last("dup"))};
           return Attempt{report(Eventfd::adopt(std::move(copy)))};
         };
       }},
      {"Eventfd::create", [] { return [] { return Attempt{report(Eventfd::create())}; }; }},
      {"Eventfd::add", [] { return [event = ready_eventfd()] { return Attempt{report(event->add(5))}; }; }},
      {"Eventfd::take",
       [] {
         return [event = std::make_shared<Eventfd>(must(Eventfd::create({.initial = 9, .semaphore = true})))] {
           return Attempt{report(event->take())};
         };
       }},
  };
}

}  // namespace ginnel::fault
