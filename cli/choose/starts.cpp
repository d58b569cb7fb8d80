#include "choose/starts.hpp"

#include <algorithm>
#include <array>
#include <cassert>

// One entry for each mechanism of the knowledge, in its order. Names, paths and keys contain `example`, which the test replaces.

namespace ginnel::cli::choose {
namespace {

constexpr std::array starts{
    Start{.mechanism = "pipe",
          .cpp = R"start(auto pipe = ginnel::Pipe::create();
if (!pipe) return 2;
auto wrote = ginnel::write_all(pipe->write_end.get(), ginnel::as_bytes("hello"));
pipe->write_end.reset();  // the reader sees the end of the stream
std::array<std::byte, 5> got{};
auto read = ginnel::read_all(pipe->read_end.get(), got);
return wrote && read && ginnel::as_text(got) == "hello" ? 0 : 1;
)start",
          .shell = R"start(ginnel pipe -- printf 'hello\n' '|' sed s/h/H/
)start"},
    Start{.mechanism = "pipe-packets",
          .cpp = R"start(auto pipe = ginnel::Pipe::create({.packets = true});
if (!pipe) return 2;
auto first = ginnel::write_some(pipe->write_end.get(), ginnel::as_bytes("one"));
auto second = ginnel::write_some(pipe->write_end.get(), ginnel::as_bytes("two"));
std::array<std::byte, 4096> packet{};  // never shorter: the rest of a packet would be lost
auto read = ginnel::read_some(pipe->read_end.get(), packet);
return first && second && read && read->as<ginnel::BytesRead>().count == 3 ? 0 : 1;
)start",
          .shell = ""},
    Start{.mechanism = "fifo",
          .cpp = R"start(if (auto made = ginnel::create_fifo("./example.fifo"); !made) return 2;
auto in = ginnel::open_fifo_reader("./example.fifo");  // one process
auto out = ginnel::open_fifo_writer("./example.fifo", ginnel::Deadline::after(5s));  // any others
if (!in || !out || !out->is<ginnel::UniqueFd>()) return 2;
auto sent = ginnel::send_message(out->as<ginnel::UniqueFd>().get(), ginnel::as_bytes("a line of a log"));
ginnel::FifoMessageReader reader{std::move(*in)};
auto got = reader.receive(ginnel::Deadline::after(5s));
auto removed = ginnel::remove_fifo("./example.fifo");
return sent && got && got->is<std::vector<std::byte>>() && removed ? 0 : 1;
)start",
          .shell = R"start(ginnel mk fifo:./example.fifo
ginnel recv fifo:./example.fifo & echo 'a line of a log' | ginnel send fifo:./example.fifo; wait
ginnel rm fifo:./example.fifo
)start"},
    Start{.mechanism = "unix-stream",
          .cpp = R"start(auto listener =
    ginnel::UnixListener::listen(ginnel::UnixType::stream, {"./example.sock"});  // the server
if (!listener) return 2;
auto connected = ginnel::UnixStream::connect({"./example.sock"}, ginnel::Deadline::after(5s));  // a client
auto accepted = listener->accept(ginnel::Deadline::after(5s));
if (!connected || !accepted || !accepted->is<ginnel::UniqueFd>()) return 2;
auto server = ginnel::UnixStream::adopt(std::move(accepted->as<ginnel::UniqueFd>()));
auto& client = connected->as<ginnel::UnixStream>();
auto sent = client.write_all(ginnel::as_bytes("hello"));
std::array<std::byte, 64> buffer{};
auto got = server->read(buffer, ginnel::Deadline::after(5s));
return sent && got && got->is<ginnel::BytesRead>() ? 0 : 1;
)start",
          .shell = R"start(ginnel recv --listen unix:./example.sock & echo hello | ginnel send unix:./example.sock; wait
)start"},
    Start{.mechanism = "unix-seqpacket",
          .cpp = R"start(auto listener =
    ginnel::UnixListener::listen(ginnel::UnixType::seqpacket, {"./example.sock"});  // the helper
if (!listener) return 2;
auto connected = ginnel::UnixSeqpacket::connect({"./example.sock"}, ginnel::Deadline::after(5s));  // who asks
auto accepted = listener->accept(ginnel::Deadline::after(5s));
if (!connected || !accepted || !accepted->is<ginnel::UniqueFd>()) return 2;
const int helper = accepted->as<ginnel::UniqueFd>().get();
auto asker = ginnel::peer_credentials(helper);  // who it is, as the kernel knows it
auto opened = ginnel::Pipe::create();           // stands for the file that was asked for
const std::array descriptors{opened->read_end.get()};
auto sent = ginnel::send_descriptors(helper, ginnel::as_bytes("the file"), descriptors);
std::array<std::byte, 64> buffer{};
auto got = ginnel::receive_descriptors(connected->as<ginnel::UnixSeqpacket>().pollable(), buffer);
if (!asker || !sent || !got) return 1;
return got->as<ginnel::ReceivedWithDescriptors>().descriptors.size() == 1 ? 0 : 1;
)start",
          .shell = R"start(ginnel fd recv --listen unix-seq:./example.sock -- sh -c 'cat <&3' &
echo 'content of a file' > ./example.txt
ginnel fd send unix-seq:./example.sock ./example.txt; wait
rm ./example.txt
)start"},
    Start{
        .mechanism = "unix-datagram",
        .cpp = R"start(auto receiver = ginnel::UnixDatagram::bind({"./example.sock"});   // one process
auto sender = ginnel::UnixDatagram::connect({"./example.sock"});  // any others
if (!receiver || !sender) return 2;
auto sent = sender->send(ginnel::as_bytes("something happened"));
std::array<std::byte, 1024> buffer{};
auto got = receiver->receive(buffer, ginnel::Deadline::after(5s));
return sent && got && got->is<ginnel::ReceivedMessage>() ? 0 : 1;
)start",
        .shell =
            R"start(ginnel recv unix-dgram:./example.sock & ginnel send unix-dgram:./example.sock --timeout 5s 'something happened'; wait
)start"},
    Start{.mechanism = "posix-queue",
          .cpp = R"start(auto queue = ginnel::PosixQueue::create(
    "/example", {.messages = 10, .message_size = ginnel::Bytes{256}, .exclusive = false});
if (!queue) return 2;
auto sent = queue->send(ginnel::as_bytes("urgent"), 7);
std::array<std::byte, 256> buffer{};
auto got = queue->receive(buffer, ginnel::Deadline::after(5s));
auto removed = ginnel::PosixQueue::unlink("/example");
return sent && got && got->as<ginnel::ReceivedFromQueue>().priority == 7 && removed ? 0 : 1;
)start",
          .shell = R"start(ginnel mk mq:/example --messages 10 --size 256
ginnel send mq:/example --priority 7 'urgent'; ginnel recv mq:/example
ginnel rm mq:/example
)start"},
    Start{.mechanism = "sysv-queue",
          .cpp = R"start(auto queue = ginnel::SysvQueue::create(0x6578616d, {.exclusive = false});
if (!queue) return 2;
auto sent = queue->send(2, ginnel::as_bytes("a message of type 2"));
auto got = queue->receive({.rule = ginnel::SysvSelect::Rule::of_type, .type = 2}, ginnel::Deadline::after(5s));
auto removed = queue->remove();
return sent && got && got->is<ginnel::SysvMessage>() && removed ? 0 : 1;
)start",
          .shell = R"start(ginnel mk sysv-msg:0x6578616d
ginnel send sysv-msg:0x6578616d --type 2 'a message of type 2'; ginnel recv sysv-msg:0x6578616d
ginnel rm sysv-msg:0x6578616d
)start"},
    Start{.mechanism = "posix-shm",
          .cpp = R"start(auto made = ginnel::PosixShm::create("/example", ginnel::Bytes::kib(64));  // one process
if (!made) return 2;
auto opened = ginnel::PosixShm::open("/example", ginnel::PosixShm::Access::read_only);  // any others
auto written = made->map_read_write();
auto seen = opened->map_read_only();
if (!opened || !written || !seen) return 2;
written->bytes()[0] = std::byte{42};  // when the data are whole, a lock or a futex has to tell
auto removed = ginnel::PosixShm::unlink("/example");
return seen->bytes()[0] == std::byte{42} && removed ? 0 : 1;
)start",
          .shell = R"start(ginnel mk shm:/example --size 64K
printf hello | ginnel send shm:/example --offset 4K; ginnel recv shm:/example --offset 4K --size 5
ginnel rm shm:/example
)start"},
    Start{.mechanism = "sysv-shm",
          .cpp = R"start(auto made = ginnel::SysvShm::create(0x6578616d, ginnel::Bytes::kib(64));
if (!made) return 2;
auto written = made->attach_read_write();
auto seen = made->attach_read_only();
if (!written || !seen) return 2;
written->bytes()[0] = std::byte{42};  // when the data are whole, a lock or a futex has to tell
auto removed = made->remove();
return seen->bytes()[0] == std::byte{42} && removed ? 0 : 1;
)start",
          .shell = R"start(ginnel mk sysv-shm:0x6578616d --size 64K
printf hello | ginnel send sysv-shm:0x6578616d; ginnel recv sysv-shm:0x6578616d --size 5
ginnel rm sysv-shm:0x6578616d
)start"},
    Start{.mechanism = "memfd",
          .cpp = R"start(auto made = ginnel::Memfd::create("example", ginnel::Bytes::kib(64));
if (!made) return 2;
{
  auto memory = made->map_read_write();
  if (!memory) return 2;
  memory->bytes()[0] = std::byte{42};
}
auto sealed = made->add_seals(ginnel::Seals::write | ginnel::Seals::shrink | ginnel::Seals::grow | ginnel::Seals::seal);
// It goes to the other side over a Unix socket: send_descriptors. Who gets it checks it before use:
auto taken =
    ginnel::Memfd::adopt(std::move(*made).release(),
                         ginnel::Seals::write | ginnel::Seals::shrink, ginnel::Bytes::mib(1));
if (!sealed || !taken) return 1;
auto seen = taken->map_read_only();
return seen && seen->bytes()[0] == std::byte{42} ? 0 : 1;
)start",
          .shell = ""},
    Start{.mechanism = "cross-memory",
          .cpp = R"start(static int counter = 42;
auto other = ginnel::Process::self();  // in real life another process: Process::open(pid)
if (!other) return 2;
int seen = 0;
auto read = ginnel::read_memory(*other, reinterpret_cast<std::uintptr_t>(&counter),
                                std::as_writable_bytes(std::span{&seen, 1}));
return read && read->is<ginnel::BytesRead>() && seen == 42 ? 0 : 1;
)start",
          .shell = ""},
    Start{.mechanism = "posix-semaphore",
          .cpp = R"start(auto semaphore = ginnel::PosixSemaphore::create("/example", {.count = 1});
if (!semaphore) return 2;
auto taken = semaphore->wait(ginnel::Deadline::after(5s));
auto given = semaphore->post();
auto removed = ginnel::PosixSemaphore::unlink("/example");
return taken && taken->is<ginnel::Done>() && given && removed ? 0 : 1;
)start",
          .shell = R"start(ginnel mk sem:/example --count 1
ginnel sem wait sem:/example --timeout 5s -- echo 'one at a time'
ginnel rm sem:/example
)start"},
    Start{.mechanism = "sysv-semaphore",
          .cpp = R"start(const std::array<unsigned short, 1> three{3};
auto slots = ginnel::SysvSemaphoreSet::create(0x6578616d, three, {.exclusive = false});
if (!slots) return 2;
const std::array take{ginnel::SemaphoreStep{
    .index = 0, .change = -1, .undo = true}};  // comes back when this process dies
auto taken = slots->operate(take, ginnel::Deadline::after(5s));
auto removed = slots->remove();
return taken && taken->is<ginnel::Done>() && removed ? 0 : 1;
)start",
          .shell = R"start(ginnel mk sysv-sem:0x6578616d --count 3
ginnel sem wait sysv-sem:0x6578616d --timeout 5s -- echo 'three at a time'
ginnel rm sysv-sem:0x6578616d
)start"},
    Start{.mechanism = "robust-mutex",
          .cpp = R"start(auto mapped = ginnel::ReadWriteMapping::anonymous(
    ginnel::Bytes::kib(4));  // or that of a PosixShm or Memfd
if (!mapped) return 2;
auto memory = std::make_shared<ginnel::ReadWriteMapping>(std::move(*mapped));
auto mutex = ginnel::RobustMutex::create_in({memory, 0});  // others: open_in
if (!mutex) return 2;
auto lock = mutex->lock(ginnel::Deadline::after(5s));
if (!lock || lock->is<ginnel::TimedOut>()) return 1;
if (auto* orphaned = lock->get_if<ginnel::OrphanedGuard>()) {
  // The last owner died inside: repair the data, and only then
  auto repaired = std::move(*orphaned).mark_consistent();
}
return 0;
)start",
          .shell = ""},
    Start{.mechanism = "rwlock",
          .cpp = R"start(auto mapped = ginnel::ReadWriteMapping::anonymous(
    ginnel::Bytes::kib(4));  // or that of a PosixShm or Memfd
if (!mapped) return 2;
auto memory = std::make_shared<ginnel::ReadWriteMapping>(std::move(*mapped));
auto lock = ginnel::SharedRwlock::create_in({memory, 0});  // others: open_in
if (!lock) return 2;
{
  auto writing = lock->lock_exclusive(ginnel::Deadline::after(5s));
  if (!writing || !writing->is<ginnel::WriteGuard>()) return 1;  // OrphanedWriteGuard: repair, then mark_consistent
}
auto reading = lock->lock_shared(ginnel::Deadline::after(5s));
return reading && reading->is<ginnel::ReadGuard>() ? 0 : 1;
)start",
          .shell = ""},
    Start{.mechanism = "condition",
          .cpp = R"start(auto mapped = ginnel::ReadWriteMapping::anonymous(
    ginnel::Bytes::kib(4));  // or that of a PosixShm or Memfd
if (!mapped) return 2;
auto memory = std::make_shared<ginnel::ReadWriteMapping>(std::move(*mapped));
auto mutex = ginnel::RobustMutex::create_in({memory, 0});
auto changed = ginnel::SharedCondition::create_in({memory, 64});
if (!mutex || !changed) return 2;
std::byte& ready = memory->bytes()[128];
auto lock = mutex->lock(ginnel::Deadline::after(5s));
if (!lock || !lock->is<ginnel::MutexGuard>()) return 1;
auto guard = std::move(*lock).as<ginnel::MutexGuard>();
ready = std::byte{1};  // the other side does this under the lock, and then notify()
auto told = changed->notify();
while (ready == std::byte{0}) {
  auto waited = changed->wait(*mutex, std::move(guard), ginnel::Deadline::after(5s));
  if (!waited || !waited->lock.is<ginnel::MutexGuard>()) return 1;
  guard = std::move(waited->lock.as<ginnel::MutexGuard>());
}
return told ? 0 : 1;
)start",
          .shell = ""},
    Start{.mechanism = "futex",
          .cpp = R"start(auto memory = ginnel::ReadWriteMapping::anonymous(
    ginnel::Bytes::kib(4));  // or that of a PosixShm or Memfd
if (!memory) return 2;
auto& word = *reinterpret_cast<ginnel::FutexWord*>(memory->bytes().data());
word.store(1);  // first the change, then the wake-up
auto woken = ginnel::futex_wake(word, ginnel::wake_all);
while (word.load() == 0)  // the other side
  if (auto slept = ginnel::futex_wait(word, 0, ginnel::Deadline::after(5s)); !slept) return 1;
return woken ? 0 : 1;
)start",
          .shell = ""},
    Start{.mechanism = "eventfd",
          .cpp = R"start(auto event = ginnel::Eventfd::create();  // before fork(2), or passed over a Unix socket
if (!event) return 2;
auto told = event->add();
auto heard = event->take(ginnel::Deadline::after(5s));  // or epoll on event->pollable()
return told && heard && heard->as<ginnel::EventCount>().count == 1 ? 0 : 1;
)start",
          .shell = ""},
    Start{.mechanism = "signals",
          .cpp = R"start(auto reload = ginnel::parse_signal("RTMIN+1");
if (!reload) return 2;
auto receiver = ginnel::SignalReceiver::create({*reload});  // the process that is told
auto target = ginnel::Process::self();  // in real life Process::open(pid), or what spawn() gave
if (!receiver || !target) return 2;
auto sent = ginnel::send_signal(*target, *reload, 7);
auto got = receiver->receive(ginnel::Deadline::after(5s));
return sent && got && got->is<ginnel::ReceivedSignal>() && got->as<ginnel::ReceivedSignal>().value == 7 ? 0 : 1;
)start",
          .shell =
              R"start((trap 'echo reloaded; exit' HUP; touch ./example.ready; while :; do sleep 0.1; done) & child=$!
until [ -e ./example.ready ]; do sleep 0.1; done; rm ./example.ready
ginnel signal $child HUP; wait $child
)start"},
    Start{.mechanism = "flock",
          .cpp = R"start(auto lock = ginnel::FileLock::acquire("./example.lock", ginnel::LockMode::exclusive,
                                      ginnel::Deadline::immediately());
if (!lock) return 2;
if (!lock->is<ginnel::FileLock>()) return 1;  // another instance runs
// The lock is held for as long as *lock lives, and ends with this process however it ends.
return 0;
)start",
          .shell = R"start(ginnel lock ./example.lock --nonblock -- echo 'the only instance'
rm ./example.lock
)start"},
    Start{.mechanism = "range-lock",
          .cpp = R"start(auto file = ginnel::RangeLocks::open("./example.db");
if (!file) return 2;
auto locked = file->lock({.start = 0, .length = 100}, ginnel::LockMode::exclusive, ginnel::Deadline::after(5s));
auto unlocked = file->unlock({.start = 0, .length = 100});
return locked && locked->is<ginnel::Done>() && unlocked ? 0 : 1;
)start",
          .shell = R"start(ginnel lock ./example.db --range 0:100 -- echo 'the first record is mine'
rm ./example.db
)start"},
    Start{.mechanism = "topic",
          .cpp = R"start(struct Pose {
  double x = 0;
  double y = 0;
};
auto publisher = ginnel::Publisher<Pose>::create("example/pose");  // one process
auto subscriber = ginnel::Subscriber<Pose>::open("example/pose", {.waiting = ginnel::Waiting::adaptive});  // others
if (!publisher || !subscriber) return 2;
auto published = publisher->publish({.x = 3, .y = 4});
auto received = subscriber->receive(ginnel::Deadline::after(5s));
if (!published || !received || !received->is<ginnel::Sample<Pose>>()) return 1;
return received->as<ginnel::Sample<Pose>>()->y == 4 ? 0 : 1;
)start",
          .shell = R"start(ginnel recv topic:example/pose & ginnel send topic:example/pose '3 4'; wait
)start"},
    Start{.mechanism = "latest",
          .cpp = R"start(auto writer = ginnel::LatestWriter<std::byte[]>::create(
    "example/frame", {.readers = 3, .value_size = ginnel::Bytes::mib(1)});
auto reader = ginnel::LatestReader<std::byte[]>::open("example/frame");
if (!writer || !reader) return 2;
auto frame = writer->loan();  // to be filled in place
if (!frame) return 2;
frame->elements()[0] = std::byte{42};
std::move(*frame).set(1000);
auto newest = reader->wait_for_newer(ginnel::Deadline::after(5s));
if (!newest || !newest->is<ginnel::Sample<std::byte[]>>()) return 1;
return (*newest->as<ginnel::Sample<std::byte[]>>())[0] == std::byte{42} ? 0 : 1;
)start",
          .shell = R"start(ginnel send latest:example/state 'charging'; ginnel recv latest:example/state
ginnel rm latest:example/state
)start"},
    Start{.mechanism = "queue",
          .cpp = R"start(struct Job {
  std::uint64_t number = 0;
};
auto queue = ginnel::Queue<Job>::open("example/jobs", {.slots = 100, .priorities = 8});  // each process its own handle
if (!queue) return 2;
auto pushed = queue->push({.number = 1}, 3);
auto popped = queue->pop(ginnel::Deadline::after(5s));
if (!pushed || !popped || !popped->is<ginnel::Popped<Job>>()) return 1;
auto& job = popped->as<ginnel::Popped<Job>>();  // redelivered(): its last worker died
return job->number == 1 && job.ack() ? 0 : 1;
)start",
          .shell = R"start(ginnel mk queue:example --messages 100 --size 4K --priorities 8
ginnel send queue:example --priority 3 'urgent'; ginnel recv queue:example
ginnel rm queue:example
)start"},
    Start{.mechanism = "channel",
          .cpp = R"start(auto listener = ginnel::ChannelListener<std::byte[]>::listen("./example.sock");
if (!listener) return 2;
std::jthread client{[] {  // in real life another process
  auto channel = ginnel::Channel<std::byte[]>::connect("./example.sock");
  if (channel) static_cast<void>(channel->send(ginnel::as_bytes("hello")));
}};
auto accepted = listener->accept(ginnel::Deadline::after(5s));
if (!accepted || !accepted->is<ginnel::Channel<std::byte[]>>()) return 1;
auto received = accepted->as<ginnel::Channel<std::byte[]>>().receive(ginnel::Deadline::after(5s));
if (!received || !received->is<ginnel::Incoming<std::byte[]>>()) return 1;
const std::vector<std::byte> message =
    *received->as<ginnel::Incoming<std::byte[]>>();  // a copy, which the peer cannot change
return message.size() == 5 ? 0 : 1;
)start",
          .shell = ""},
    Start{.mechanism = "service",
          .cpp = R"start(auto service = ginnel::Service<std::uint64_t, std::uint64_t>::listen("./example.sock");
if (!service) return 2;
std::uint64_t answer = 0;
{
  std::jthread client{[&] {  // in real life another process
    auto asking = ginnel::Client<std::uint64_t, std::uint64_t>::connect("./example.sock");
    if (!asking) return;
    auto called = asking->call(
        20, ginnel::Deadline::after(5s));  // also TimedOut, NotStarted, MaybeExecuted
    if (called && called->is<ginnel::Incoming<std::uint64_t>>())
      answer = *called->as<ginnel::Incoming<std::uint64_t>>();
  }};
  auto next = service->next(ginnel::Deadline::after(5s));
  if (!next || !next->is<ginnel::Request<std::uint64_t, std::uint64_t>>()) return 1;
  auto& request = next->as<ginnel::Request<std::uint64_t, std::uint64_t>>();
  if (auto answered = request.answer(*request + 1); !answered) return 1;
}
return answer == 21 ? 0 : 1;
)start",
          .shell = ""},
};

}  // namespace

std::span<const Start> all_starts() noexcept { return starts; }

const Start& start_of(std::string_view mechanism) noexcept {
  const auto* const found = std::ranges::find(starts, mechanism, &Start::mechanism);
  assert(found != starts.end());
  return *found;
}

}  // namespace ginnel::cli::choose
