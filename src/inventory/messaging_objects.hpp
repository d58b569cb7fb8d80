#pragma once

#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "kept_file.hpp"
#include "scene.hpp"

// What the collectors of ginnel's own messaging share: who has which of its files, and who of those takes part.

namespace ginnel::inventory {

/// Somebody has a file of an object open, mapped or locked.
struct Possession {
  Holder holder;
  std::optional<FileKey> locked;  ///< the file whose lock this descriptor has
};
using Possessions = std::map<ObjectId, std::vector<Possession>>;

/// Of all objects whose files the scene knows.
[[nodiscard]] Possessions find_possessions(Scene& scene);

/// What whoever keeps a file is in the object.
using RolesOfFiles = std::unordered_map<FileKey, Role, HashFileKey>;

/// One object on its way into the scene.
class MessagingObject {
 public:
  MessagingObject(Scene& scene, Kind kind, const MessagingFolder& folder, const Possessions& possessions);

  [[nodiscard]] Object& object() noexcept { return object_; }
  /// One who keeps a file of that name, by the lock on it and the stamp in it.
  [[nodiscard]] Member member_of(const std::string& name, Role role, const FileStatus& file, const Fact<bool>& locked,
                                 const Fact<Keeper>& keeper) const;

  /// Those who take part, by the lock that they hold; then whoever has a file without one: on its way in or out, or a child that
  /// kept it. After the members.
  void add_holders(const RolesOfFiles& roles);
  /// Whether any of the locks is held, and how many of each role live and are dead. After the members.
  void add_details(const std::vector<Fact<bool>>& locks, const std::vector<Role>& roles);

 private:
  [[nodiscard]] Fact<pid_t> pid_of(const Keeper& keeper, const FileStatus& file) const;

  const Snapshot& snapshot_;
  const MessagingFolder& folder_;
  const std::vector<Possession>* possessions_;
  Object& object_;
};

/// What of its files is not understood, and why: `w.03: its capacity is no possible one; notes.txt: …`
class ForeignFiles {
 public:
  explicit ForeignFiles(const MessagingFolder& folder);
  template <class Page>
  void weigh(const std::string& name, const Fact<Page>& page) {
    if (!page) add(name, page.reason());
  }
  void add_to(Object& object) const;

 private:
  void add(const std::string& name, std::string_view why);
  std::string text_;
};

}  // namespace ginnel::inventory
