#pragma once

#include <string>

#include "format.hpp"
#include "ginnel/core/bytes.hpp"
#include "ginnel/sys/file_lock.hpp"
#include "ginnel/sys/mirrored_mapping.hpp"
#include "topic_folder.hpp"

namespace ginnel::detail {

/// A ring file, mapped.
struct RingFile {
  RangeLocks file;
  MirroredMapping mapping;
  RingShape shape;
  std::string name;  ///< in the folder
  std::size_t number = 0;

  [[nodiscard]] RingHeader& header() const noexcept { return *reinterpret_cast<RingHeader*>(mapping.head()); }
  /// Of a ring that was attached to: whether its writer has ended it or has died.
  [[nodiscard]] bool writer_is_gone() const { return owner_is_gone(file, header().owner); }
};

/// Makes a ring for the caller and gives it the first free number. Errors: ENOSPC (no room, or writers_max of them), EINVAL
/// (alignment), EBUSY.
[[nodiscard]] Result<RingFile> make_ring(const TopicFolder& topic, const MessageType& type, Bytes capacity);

/// Attaches for reading. Everything in the header is checked. Errors: EBADMSG (damaged, foreign, or of another type: shows both),
/// ENOENT, EACCES.
[[nodiscard]] Result<RingFile> attach_ring(const TopicFolder& topic, const std::string& name,
                                           const MessageType* expected);

}  // namespace ginnel::detail
