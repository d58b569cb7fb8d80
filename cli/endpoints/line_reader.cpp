#include "endpoints/line_reader.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <iterator>
#include <string>
#include <utility>

#include "ginnel/sys/io.hpp"

namespace ginnel::cli {

Result<Outcome<std::vector<std::byte>, EndOfStream, TimedOut>> LineReader::next(Deadline deadline) {
  constexpr std::byte newline{'\n'};
  std::array<std::byte, 65'536> buffer;
  for (;;) {
    if (unit_ == Unit::line) {
      const auto at = std::find(pending_.begin() + searched_, pending_.end(), newline);
      if (at != pending_.end()) {
        std::vector<std::byte> line{pending_.begin() + taken_, at};
        taken_ = searched_ = at + 1 - pending_.begin();
        return line;
      }
      pending_.erase(pending_.begin(), pending_.begin() + std::exchange(taken_, 0));
      searched_ = std::ssize(pending_);
    }
    if (pending_.size() > longest_)
      return std::unexpected{Error{EMSGSIZE, "send", receiver_,
                                   std::string{unit_ == Unit::line ? "a line" : "the input"} + " is over " +
                                       std::to_string(longest_) + " bytes, the longest message that goes through" +
                                       (unit_ == Unit::line ? "" : "; --lines sends each line as a message")}};
    if (ended_) {
      if (unit_ == Unit::whole_stream ? delivered_ : pending_.empty()) return EndOfStream{};
      delivered_ = true;
      searched_ = 0;
      return std::exchange(pending_, {});
    }
    auto got = read_some(fd_, buffer, deadline);
    if (!got) return std::unexpected{got.error()};
    if (got->is<TimedOut>()) return TimedOut{};
    if (const auto* read = got->get_if<BytesRead>()) {
      pending_.insert(pending_.end(), buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(read->count));
    } else {
      ended_ = true;
    }
  }
}

}  // namespace ginnel::cli
