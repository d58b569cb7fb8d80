#include <algorithm>
#include <array>

#include "conformance/mechanism.hpp"
#include "ginnel/measure/knowledge.hpp"
#include "support/child_process.hpp"

// What `ginnel choose` says of a mechanism, held against what the mechanism does. Traits are proven by the other tests of this suite; here
// they must not say less than the knowledge claims.

namespace ginnel::test {
namespace {

using namespace std::chrono_literals;

/// The row of the knowledge that a case of this suite is about.
const measure::Mechanism* row_of(std::string_view name) {
  struct Pair {
    std::string_view tested;
    std::string_view row;
  };
  static constexpr std::array rows{
      Pair{"PacketPipe", "pipe-packets"},
      Pair{"FramedPipe", "fifo"},
      Pair{"Fifo", "fifo"},
      Pair{"UnixStream", "unix-stream"},
      Pair{"Seqpacket", "unix-seqpacket"},
      Pair{"Datagram", "unix-datagram"},
      Pair{"PosixQueue", "posix-queue"},
      Pair{"SysvQueue", "sysv-queue"},
      Pair{"Eventfd", "eventfd"},
      Pair{"RealTimeSignals", "signals"},
      Pair{"Topic", "topic"},
      Pair{"Queue", "queue"},
      Pair{"SharedMemoryMailbox", "posix-semaphore"},
  };
  const auto* const found = std::ranges::find(rows, name, &Pair::tested);
  return found == rows.end() ? nullptr : measure::find_mechanism(found->row);
}

TEST_P(Conformance, TheKnowledgeClaimsWhatIsTrue) {
  const measure::Mechanism* const row = row_of(GetParam().name);
  ASSERT_NE(row, nullptr) << "a mechanism of this suite that the knowledge does not know";
  EXPECT_EQ(row->tells_sender.is, traits().tells_sender) << row->name << ": " << row->tells_sender.source;
  EXPECT_EQ(row->tells_receiver.is, traits().tells_receiver) << row->name << ": " << row->tells_receiver.source;
  EXPECT_TRUE(!row->many_senders.is || traits().many_senders) << row->name << ": " << row->many_senders.source;
  EXPECT_TRUE(!traits().fills || row->on_full.is != measure::OnFull::loses) << row->name << ": " << row->on_full.source;
  // What the maker of an object, or the machine's settings, can make larger is no limit of the mechanism.
  const bool is_fixed = row->largest.source.find("ginnel/msg") == std::string_view::npos &&
                        row->largest.source.find("SO_SNDBUF") == std::string_view::npos;
  EXPECT_TRUE(!row->boundaries.is || !is_fixed || row->largest.is >= traits().largest)
      << row->name << ": " << row->largest.source;
}

/// Two messages of different length: received as two, or as one stretch of bytes.
TEST_P(Conformance, TheKnowledgeIsRightAboutBoundariesAndOrder) {
  const measure::Mechanism* const row = row_of(GetParam().name);
  ASSERT_NE(row, nullptr);
  if (!carries_numbers()) GTEST_SKIP() << "carries no content";
  auto sender = fork_child([&](Ready) {
    mechanism().be_sender();
    for (std::uint32_t number = 0; number < 10; ++number) send_or_fail(numbered(number));
  });
  mechanism().be_receiver();
  for (std::uint32_t number = 0; number < 10; ++number) {
    Bytestring message;
    ASSERT_NO_FATAL_FAILURE(receive_or_fail(message));
    EXPECT_TRUE(row->order.is == measure::Order::none || number_of(message) == number)
        << row->name << ": " << row->order.source;
    EXPECT_TRUE(!row->boundaries.is || is_numbered(message, number)) << row->name << ": " << row->boundaries.source;
  }
  EXPECT_TRUE(sender.wait().success());
}

}  // namespace
}  // namespace ginnel::test
