#pragma once

#include <string>
#include <vector>

#include "topic_pages.hpp"

namespace ginnel::inventory {

struct TopicRing {
  std::string name;
  std::size_t number = 0;
  FileStatus status;
  Fact<bool> locked;
  Fact<RingPage> page;
  RingEnd end;
};

/// `r.812.77`
struct ReaderFile {
  std::string name;
  FileStatus status;
  Fact<bool> locked;
  Fact<ReaderPage> page;
};

/// All that is in the folder of a topic.
struct TopicFiles : MessagingFolder {
  std::vector<TopicRing> rings;
  std::vector<ReaderFile> readers;
};

/// A file of the folder besides those of the writers: the page of a reader, the bell, or one that does not belong there.
void add_other_file(MessagingFolder& object, std::vector<ReaderFile>& readers, const Directory& folder,
                    const std::string& name);
[[nodiscard]] std::optional<FileStatus> find_bell(const Directory& folder);

/// The folder as it was found, `folder` open. Takes no lock, maps nothing and writes nothing.
[[nodiscard]] TopicFiles read_topic(Directory& folder, const FileStatus& status);

}  // namespace ginnel::inventory
