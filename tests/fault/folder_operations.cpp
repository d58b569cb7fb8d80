#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <memory>

#include "ginnel/sys/checked_unlink.hpp"
#include "ginnel/sys/directory.hpp"
#include "ginnel/sys/directory_watch.hpp"
#include "ginnel/sys/file_system_room.hpp"
#include "ginnel/sys/shared_folder.hpp"
#include "operations.hpp"
#include "support/scratch.hpp"

namespace ginnel::fault {
namespace {

constexpr mode_t open_to_all = 0755;  // as the scratch folder is
constexpr Bytes some_pages = Bytes::kib(16);

using UntilEnd = test::AtEnd<std::function<void()>>;

/// Where files are made and removed: what an operation leaves there is told.
std::string scratch_folder() { return scratch_file("."); }

/// A file, and a link to it, that go with the last attempt.
struct FilesUntilEnd {
  std::string file = scratch_file("file");
  std::string link = scratch_file("link");
  Directory folder = must(Directory::open(scratch_folder().c_str()));
  FilesUntilEnd() {
    std::ofstream{file} << "content";
    std::filesystem::create_symlink(file, link);
  }
  FilesUntilEnd(const FilesUntilEnd&) = delete;
  FilesUntilEnd& operator=(const FilesUntilEnd&) = delete;
  ~FilesUntilEnd() {
    ::unlink(file.c_str());
    ::unlink(link.c_str());
  }
};

/// An operation on files that are there.
template <class Call>
Operation on_files(std::string_view name, Call call) {
  return {name, [call] { return [call, files = std::make_shared<FilesUntilEnd>()] { return Attempt{call(*files)}; }; }};
}

struct Shared {
  SharedFolder folder = must(SharedFolder::open(scratch_folder(), open_to_all));
  UniqueFd file = must(folder.make_file(some_pages, 0600));
};

/// An operation on a folder, with a file that has no name yet; what it made is removed by name.
template <class Call>
Operation on_folder(std::string_view name, Call call) {
  return {name, [call] {
            return [call, shared = std::make_shared<Shared>()] {
              const std::string text = call(*shared);
              return Attempt{text, [shared, made = text == "done"] {
                               if (made) static_cast<void>(shared->folder.remove("published"));
                             }};
            };
          }};
}

std::string report_unlink(const Result<CheckedUnlink>& unlinked) {
  if (unlinked && !unlinked->is<Done>()) return "outcome NotRemoved";
  return report(unlinked);
}

Result<void> make_empty(const std::string& path) {
  const UniqueFd made{::open(path.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600)};
  if (!made.valid()) return std::unexpected{Error::last("open")};
  return {};
}

/// Each attempt makes a file and removes it while it is the one that was seen.
Attempt unlink_what_was_seen(FilesInUse files_in_use) {
  const std::string path = scratch_file("seen");
  const auto folder = Directory::open(scratch_folder().c_str());
  if (!folder) return {report(folder)};
  if (const auto made = make_empty(path); !made) return {report(made)};
  const auto status = folder->status("seen", Follow::no);
  const std::string text =
      status ? report_unlink(unlink_checked(path, file_identity(*status), {.files_in_use = files_in_use}))
             : report(status);
  return {text, [path] { ::unlink(path.c_str()); }};
}

/// A file that has lost its name cannot get another: each attempt has its own.
template <class Give>
std::string give_a_name(const Shared& shared, Give give) {
  const auto file = shared.folder.make_file(some_pages, 0600);
  return file ? report(give(file->get())) : report(file);
}

Attempt remove_a_file(const Shared& shared) {
  const std::string path = scratch_file("removed");
  if (const auto made = make_empty(path); !made) return {report(made)};
  return {report(shared.folder.remove("removed")), [path] { ::unlink(path.c_str()); }};
}

Attempt remove_a_published_file(const Shared& shared) {
  const auto file = shared.folder.make_file(some_pages, 0600);
  if (!file) return {report(file)};
  if (const auto published = shared.folder.publish(file->get(), "removed"); !published) return {report(published)};
  const auto removed = shared.folder.remove_if_same("removed", file->get());
  const std::string text = removed && !*removed ? "outcome NotRemoved" : report(removed);
  return {text, [path = scratch_file("removed")] { ::unlink(path.c_str()); }};
}

Attempt make_private_folder() {
  auto made = SharedFolder::open_or_create(scratch_file("private"));
  if (!made) return {report(made)};
  return {report(made), [path = scratch_file("private")] { ::rmdir(path.c_str()); }};
}

Attempt make_folder_below(const Shared& shared) {
  auto made = shared.folder.open_or_create_below("below");
  if (!made) return {report(made)};
  return {report(made), [path = scratch_file("below")] { ::rmdir(path.c_str()); }};
}

/// A folder for the operation, which removes it; it goes in any case.
template <class Remove>
Attempt remove_a_folder(Remove remove) {
  const std::string path = scratch_file("empty");
  if (::mkdir(path.c_str(), 0700) < 0) return {report_error(Error::last("mkdir"))};
  return {report(remove()), [path] { ::rmdir(path.c_str()); }};
}

std::string report_clear(const DirectoryWatch& watch) {
  static_cast<void>(watch.clear());  // which tells no errors: who waits looks again in any case
  return "done";
}

std::vector<Operation> looking() {
  return {
      {"Directory::open", [] { return [] { return Attempt{report(Directory::open(scratch_folder().c_str()))}; }; }},
      on_files("Directory::adopt",
               [](const FilesUntilEnd& files) {
                 UniqueFd copy{::fcntl(files.folder.descriptor(), F_DUPFD_CLOEXEC, 0)};
                 if (!copy.valid()) return report_error(Error::last("fcntl"));
                 return report(Directory::adopt(std::move(copy)));
               }),
      on_files("Directory::open_below",
               [](const FilesUntilEnd& files) { return report(files.folder.open_below(".")); }),
      on_files("Directory::for_each",
               [](FilesUntilEnd& files) {
                 return report(files.folder.for_each([](const char*, FileType) { return true; }));
               }),
      on_files("Directory::read_file",
               [](const FilesUntilEnd& files) {
                 std::string text;
                 return report(files.folder.read_file("file", text));
               }),
      on_files("Directory::open_file",
               [](const FilesUntilEnd& files) { return report(files.folder.open_file("file")); }),
      on_files("Directory::open_regular_file",
               [](const FilesUntilEnd& files) { return report(files.folder.open_regular_file("file")); }),
      on_files("Directory::read_link",
               [](const FilesUntilEnd& files) {
                 std::string text;
                 return report(files.folder.read_link("link", text));
               }),
      on_files("Directory::status",
               [](const FilesUntilEnd& files) { return report(files.folder.status("file", Follow::no)); }),
      on_files("Directory::handle", [](const FilesUntilEnd& files) { return report(files.folder.handle("file")); }),
      on_files("read_at",
               [](const FilesUntilEnd& files) {
                 const auto file = files.folder.open_file("file");
                 if (!file) return report(file);
                 std::array<std::byte, 16> bytes{};
                 return report(read_at(file->get(), 2, bytes));
               }),
      on_files("read_text",
               [](const FilesUntilEnd& files) {
                 const auto file = files.folder.open_file("file");
                 if (!file) return report(file);
                 std::string text;
                 return report(read_text(file->get(), text));
               }),
      on_files("file_status",
               [](const FilesUntilEnd& files) { return report(file_status(files.folder.descriptor())); }),
      on_files("file_system_room",
               [](const FilesUntilEnd& files) { return report(file_system_room(files.folder.descriptor())); }),
      {"DirectoryWatch::of",
       [] {
         return [folder = std::make_shared<Shared>()] {
           return Attempt{report(DirectoryWatch::of(folder->folder.descriptor()))};
         };
       }},
      {"DirectoryWatch::ring",
       [] {
         return [folder = std::make_shared<Shared>()] {
           return Attempt{report(DirectoryWatch::ring(folder->file.get(), 8))};
         };
       }},
      {"DirectoryWatch::clear",
       [] {
         auto watch = std::make_shared<DirectoryWatch>(must(DirectoryWatch::of(Shared{}.folder.descriptor())));
         std::ofstream{scratch_file("noticed")} << "content";
         ::unlink(scratch_file("noticed").c_str());
         return [watch] { return Attempt{report_clear(*watch)}; };
       }},
  };
}

std::vector<Operation> sharing() {
  return {
      {"SharedFolder::open_or_create", [] { return make_private_folder; }},
      {"SharedFolder::open",
       [] { return [] { return Attempt{report(SharedFolder::open(scratch_folder(), open_to_all))}; }; }},
      {"SharedFolder::open_or_create_below",
       [] { return [shared = std::make_shared<Shared>()] { return make_folder_below(*shared); }; }},
      on_folder("SharedFolder::open_below",
                [](const Shared& shared) { return report(shared.folder.open_below(".", open_to_all)); }),
      on_folder("SharedFolder::make_file",
                [](const Shared& shared) { return report(shared.folder.make_file(some_pages, 0600)); }),
      on_folder("SharedFolder::publish",
                [](const Shared& shared) {
                  return give_a_name(shared, [&](int file) { return shared.folder.publish(file, "published"); });
                }),
      on_folder("SharedFolder::replace",
                [](const Shared& shared) {
                  return give_a_name(shared, [&](int file) { return shared.folder.replace(file, "published"); });
                }),
      on_folder("SharedFolder::lock",
                [](const Shared& shared) {
                  return report(shared.folder.lock(LockMode::exclusive, Deadline::after(patience)));
                }),
      on_folder("SharedFolder::for_each",
                [](const Shared& shared) {
                  return report(shared.folder.for_each([](const char*, FileType) { return true; }));
                }),
      {"SharedFolder::open_file",
       [] {
         return [shared = std::make_shared<Shared>(), files = std::make_shared<FilesUntilEnd>()] {
           return Attempt{report(shared->folder.open_file("file", FileAccess::read_write))};
         };
       }},
      {"SharedFolder::remove", [] { return [shared = std::make_shared<Shared>()] { return remove_a_file(*shared); }; }},
      {"SharedFolder::remove_if_same",
       [] { return [shared = std::make_shared<Shared>()] { return remove_a_published_file(*shared); }; }},
      {"SharedFolder::remove_folder",
       [] {
         return [shared = std::make_shared<Shared>()] {
           return remove_a_folder([&] { return shared->folder.remove_folder("empty"); });
         };
       }},
      {"remove_empty_directory",
       [] {
         return [files = std::make_shared<FilesUntilEnd>()] {
           return remove_a_folder([&] { return remove_empty_directory(files->folder, "empty"); });
         };
       }},
      on_files("lock_against_removers",
               [](const FilesUntilEnd& files) {
                 return report(lock_against_removers(files.folder, Deadline::after(patience)));
               }),
      {"unlink_checked", [] { return [] { return unlink_what_was_seen(FilesInUse::stay); }; }},
      {"unlink_checked of files in use", [] { return [] { return unlink_what_was_seen(FilesInUse::go); }; }},
  };
}

}  // namespace

std::vector<Operation> folder_operations() {
  std::vector<Operation> all = looking();
  for (Operation& operation : sharing()) all.push_back(std::move(operation));
  return all;
}

}  // namespace ginnel::fault
