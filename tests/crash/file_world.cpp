#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <utility>
#include <vector>

#include "crash/tables.hpp"
#include "ginnel/sys/file_lock.hpp"
#include "ginnel/sys/shared_folder.hpp"

// Locks on files, which the kernel gives back with the last descriptor, and a folder in which files appear whole or not at all.

namespace ginnel::crash {
namespace {

using namespace std::chrono_literals;

constexpr Bytes file_bytes{4096};
constexpr char written = 'x';

class FileWorld : public World {
 public:
  explicit FileWorld(const Course& course)
      : World{course}, folder_{must(SharedFolder::open_or_create(home() + "/f"), "a folder")} {
    must(make_file("old"));
    const auto lock = must(FileLock::acquire(path("lock"), LockMode::exclusive), "a lock file");
  }

  // --- what the actors do

  void lock(Actor&) { own_ = must(FileLock::acquire(path("lock"), LockMode::exclusive), "lock").as<FileLock>(); }
  void lock_shared(Actor&) { own_ = must(FileLock::acquire(path("lock"), LockMode::shared), "lock").as<FileLock>(); }
  void convert(Actor&) { require(must(own_->convert(LockMode::exclusive), "convert").is<Done>(), "convert"); }
  void unlock(Actor&) { own_.reset(); }
  void range(Actor&) {
    ranges_ = must(RangeLocks::open(path("ranges")), "open");
    require(must(ranges_->lock({.start = 0, .length = 10}, LockMode::exclusive), "lock").is<Done>(), "lock");
    must(ranges_->unlock({.start = 4, .length = 2}), "unlock");
  }
  void publish(Actor& actor) { must(make_file("new" + std::to_string(actor.number))); }
  void replace(Actor&) {
    const UniqueFd file = std::move(filled_);
    must(folder_.replace(file.get(), "old"), "replace");
  }
  void remove(Actor&) {
    const UniqueFd file = must(folder_.open_file("old", FileAccess::read_only), "open");
    static_cast<void>(must(folder_.remove_if_same("old", file.get()), "remove"));
  }
  void make_folder(Actor&) { static_cast<void>(must(folder_.open_or_create_below("below"), "make a folder")); }

  void prepare_file(Actor&) { filled_ = filled_file(); }
  void prepare_shared(Actor& actor) { lock_shared(actor); }
  void prepare_locked(Actor& actor) { lock(actor); }
  void afterwards_locked(Actor&) {
    require(!own_ || own_->held(), "it has lost its lock");
    own_.reset();
    ranges_.reset();
  }

  // --- what the survivors do

  void judge() override {
    // The kernel gives back what the dead had before their end is told.
    const auto lock = survivor("a file is locked", [&] {
      return must(FileLock::acquire(path("lock"), LockMode::exclusive, Deadline::immediately()), "lock");
    });
    require(lock.is<FileLock>(), "a dead one still has the lock");
    auto ranges = must(RangeLocks::open(path("ranges")), "open");
    const auto locked = survivor("a range is locked", [&] {
      return must(ranges.lock({.start = 0, .length = 0}, LockMode::exclusive, Deadline::immediately()), "lock");
    });
    require(locked.is<Done>(), "a dead one still has a range");
    judge_files();
    survivor("what was begun is done again", [&] {
      const UniqueFd file = filled_file();
      must(folder_.replace(file.get(), "old"), "replace");
      require(must(folder_.remove_if_same("old", file.get()), "remove"), "the file has another's name");
      static_cast<void>(must(folder_.open_or_create_below("below"), "make a folder"));
      must(folder_.remove_folder("below"), "remove a folder");
    });
    require(std::ranges::none_of(names(), [](const std::string& name) { return name == "old" || name == "old.new"; }),
            "a name was left");
    std::filesystem::remove_all(home() + "/f");
    std::filesystem::remove(path("lock"));
    std::filesystem::remove(path("ranges"));
  }

 private:
  [[nodiscard]] std::string path(const std::string& name) const { return home() + "/" + name; }
  [[nodiscard]] UniqueFd filled_file() const {
    UniqueFd file = must(folder_.make_file(file_bytes, 0600), "make a file");
    const auto mapping = must(ReadWriteMapping::map(file.get(), file_bytes), "map");
    std::ranges::fill(mapping.bytes(), static_cast<std::byte>(written));
    return file;
  }
  [[nodiscard]] Result<void> make_file(const std::string& name) const {
    const UniqueFd file = filled_file();
    return folder_.publish(file.get(), name);
  }
  void must(const Result<void>& result, std::string_view what = "a file") const {
    crash::must(Result<void>{result}, what);
  }
  template <class T>
  [[nodiscard]] static T must(Result<T> result, std::string_view what) {
    return crash::must(std::move(result), what);
  }
  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> names;
    must(folder_.for_each([&](const char* name, FileType) {
      names.emplace_back(name);
      return true;
    }));
    return names;
  }
  /// All that has a name is whole; what was published is there.
  void judge_files() {
    bool old_is_there = false;
    for (const std::string& name : names()) {
      if (name == "below") continue;
      old_is_there = old_is_there || name == "old";
      const UniqueFd file = must(folder_.open_file(name, FileAccess::read_only), "open what has a name");
      const auto mapping = must(ReadOnlyMapping::map(file.get(), file_bytes), "map");
      require(
          std::ranges::all_of(mapping.bytes(), [](std::byte byte) { return byte == static_cast<std::byte>(written); }),
          "a file appeared in part");
    }
    require(old_is_there || course().has("file.remove"), "in the middle of a replacement there was nothing");
    if (course().first_is("file.publish") && first_ended())
      require(std::ranges::count(names(), "new0") == 1, "a file was published and is not there");
  }

  SharedFolder folder_;
  UniqueFd filled_;
  std::optional<FileLock> own_;
  std::optional<RangeLocks> ranges_;
};

constexpr auto make = make_world<FileWorld>;
constexpr auto after = part<&FileWorld::afterwards_locked>;
constexpr std::array operations{
    Operation{.name = "file.lock", .make = make, .run = part<&FileWorld::lock>, .afterwards = after, .exclusive = true},
    Operation{.name = "file.lock-shared",
              .make = make,
              .run = part<&FileWorld::lock_shared>,
              .afterwards = after,
              .exclusive = true},
    Operation{.name = "file.convert",
              .make = make,
              .prepare = part<&FileWorld::prepare_shared>,
              .run = part<&FileWorld::convert>,
              .afterwards = after,
              .alone = true},
    Operation{.name = "file.unlock",
              .make = make,
              .prepare = part<&FileWorld::prepare_locked>,
              .run = part<&FileWorld::unlock>,
              .alone = true},
    Operation{
        .name = "file.range", .make = make, .run = part<&FileWorld::range>, .afterwards = after, .exclusive = true},
    Operation{.name = "file.publish", .make = make, .run = part<&FileWorld::publish>},
    Operation{.name = "file.replace",
              .make = make,
              .prepare = part<&FileWorld::prepare_file>,
              .run = part<&FileWorld::replace>,
              .role = "replaces"},
    Operation{.name = "file.remove", .make = make, .run = part<&FileWorld::remove>, .role = "replaces"},
    Operation{.name = "file.make-folder", .make = make, .run = part<&FileWorld::make_folder>},
};

}  // namespace

std::span<const Operation> file_operations() { return operations; }

}  // namespace ginnel::crash
