#include <array>
#include <memory>

#include "ginnel/sys/eventfd.hpp"
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
  auto got = read_all(pipe.read_end.get(), buffer, Deadline::after(std::chrono::seconds{1}));
  if (!got) return report(got);
  return got->bytes == put->bytes ? "done" : "outcome Short";
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
           return Attempt{report(relay(input->read_end.get(), output->write_end.get(), {.limit = 5},
                                       Deadline::after(std::chrono::seconds{1})))};
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
