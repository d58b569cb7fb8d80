#include <algorithm>

#include "ginnel/sys/foreign_descriptor.hpp"
#include "scene.hpp"

// What each polling thread has its eyes on, down through epoll sets that watch epoll sets.

namespace ginnel::inventory {
namespace {

constexpr int nesting_max = 6;  // the kernel allows five sets within each other

/// Reads one thread's poll into the scene.
class PollReading {
 public:
  PollReading(Scene& scene, const BlockedThread& blocked) : scene_{scene}, blocked_{blocked} {
    poll_.pid = blocked.pid;
    poll_.tid = blocked.tid;
    poll_.by = blocked.poll->by;
    poll_.timed = blocked.poll->timed;
    poll_.complete = blocked.poll->complete;
  }

  [[nodiscard]] Poll read() && {
    const PollCall& call = *blocked_.poll;
    if (call.by == PollBy::epoll) {
      const OpenFile* set = scene_.open_file(blocked_.pid, blocked_.tid, call.set);
      const ObjectId* id = set != nullptr ? scene_.object_of_file(*set) : nullptr;
      if (id != nullptr && id->kind == Kind::epoll) {
        poll_.set = *id;
        add_waiter(*id);
        add_set(*id, 0);
      } else {
        poll_.complete = false;
      }
      return std::move(poll_);
    }
    for (const PolledFile& file : call.files) {
      const OpenFile* open = scene_.open_file(blocked_.pid, blocked_.tid, file.fd);
      add(open != nullptr ? scene_.object_of_file(*open) : nullptr, file, 0);
    }
    return std::move(poll_);
  }

 private:
  void add_waiter(const ObjectId& id) {
    std::vector<Waiter>& waiters = scene_.objects.at(id).waiters;
    const bool is_new = waiters.empty() || waiters.back().tid != blocked_.tid || waiters.back().wait != Wait::poll;
    if (is_new) waiters.push_back(waiter_of(blocked_, Wait::poll));
  }

  void add(const ObjectId* id, const PolledFile& file, int depth) {
    if (id == nullptr || (!file.reading && !file.writing)) {
      ++poll_.others;
      return;
    }
    const ObjectId object = *id;  // which what follows may move
    add_waiter(object);
    if (object.kind == Kind::epoll) {
      add_set(object, depth + 1);
      return;
    }
    poll_.watched.push_back(
        {.object = object, .reading = file.reading, .writing = file.writing, .edge_triggered = file.edge_triggered});
  }

  /// Who has the set open may have added to it from a table of descriptors of his own.
  void add_set(const ObjectId& id, int depth) {
    if (depth >= nesting_max) {
      poll_.complete = false;
      return;
    }
    const std::vector<Holder> holders = scene_.objects.at(id).holders;
    const auto own = std::ranges::find(holders, blocked_.pid, &Holder::pid);
    const Holder* holder = own != holders.end() ? &*own : holders.empty() ? nullptr : &holders.front();
    const OpenFile* set = holder != nullptr ? scene_.open_file(holder->pid, holder->tid, holder->fd) : nullptr;
    if (set == nullptr || set->info.empty()) {
      poll_.complete = false;
      return;
    }
    for (const PolledFile& file : watched_files(set->info)) add(watched_by(*set, holders, file), file, depth);
  }

  /// The number that it was added under may stand for another file by now, or for none: the set keeps the file itself.
  [[nodiscard]] const ObjectId* watched_by(const OpenFile& set, const std::vector<Holder>& holders,
                                           const PolledFile& file) const {
    for (const Holder& holder : holders) {
      const OpenFile* open = scene_.open_file(holder.pid, holder.tid, file.fd);
      if (open != nullptr && is_same(set, *open, file)) return scene_.object_of_file(*open);
    }
    if (file.inode == 0) return nullptr;
    const auto named = scene_.files.find({file.device, file.inode});
    if (named != scene_.files.end()) return &named->second;
    if (file.device == scene_.landmarks.pipes) {
      const Object* pipe = scene_.objects.find({.kind = Kind::pipe, .device = file.device, .number = file.inode});
      return pipe != nullptr ? &pipe->id : nullptr;
    }
    if (file.device != scene_.landmarks.sockets) return nullptr;
    const auto socket = scene_.sockets.find(file.inode);
    return socket != scene_.sockets.end() ? &socket->second : nullptr;
  }

  [[nodiscard]] bool is_same(const OpenFile& set, const OpenFile& open, const PolledFile& file) const {
    if (file.inode != 0 && (open.status.inode != file.inode || open.status.device != file.device)) return false;
    if (open.status.device != scene_.landmarks.anonymous && file.inode != 0) return true;
    const auto told = is_watched_as({set.tid, set.fd}, file.fd, {open.tid, open.fd});
    return !told || *told;  // where the kernel may not be asked, the number is what there is
  }

  Scene& scene_;
  const BlockedThread& blocked_;
  Poll poll_;
};

}  // namespace

void add_poll(Scene& scene, const BlockedThread& blocked) {
  scene.snapshot.polls.push_back(PollReading{scene, blocked}.read());
}

}  // namespace ginnel::inventory
