#pragma once

#include <gtest/gtest.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <ostream>
#include <span>
#include <string>
#include <vector>

#include "ginnel/core/deadline.hpp"
#include "ginnel/core/outcome.hpp"
#include "ginnel/core/process_id.hpp"
#include "ginnel/core/result.hpp"
#include "support/scratch.hpp"

// One set of promises for everything that carries messages. A mechanism is brought in by an adapter and a line
// INSTANTIATE_TEST_SUITE_P in the adapter's file; what it cannot promise by its nature it says in its Traits, and the
// tests of that promise are skipped for it.

namespace ginnel::test {

using Bytestring = std::vector<std::byte>;
using SendResult = Result<Outcome<Done, PeerGone, TimedOut>>;
using ReceiveResult = Result<Outcome<Bytestring, EndOfStream, TimedOut>>;

/// How a message that is one byte too large is refused.
struct Refusal {
  int code = EMSGSIZE;
  std::size_t told_limit = 0;  ///< the number that the error names beside the message's size
};

struct Traits {
  std::size_t smallest = 0;
  std::size_t largest = 0;
  std::optional<Refusal> refusal{};  ///< nothing where the adapter's calls know no messages, or no sizes
  bool fills = true;                 ///< a sender without a receiver blocks after a while
  bool many_senders = true;
  bool tells_sender = false;    ///< PeerGone once the last receiver has died
  bool tells_receiver = false;  ///< EndOfStream once the last sender has died
  long waits_in = SYS_ppoll;    ///< the system call of one who waits to be told
};

/// Both ends, made before fork. Each process then says which it is, and so gives the other end up.
class Mechanism {
 public:
  Mechanism() = default;
  Mechanism(const Mechanism&) = delete;
  Mechanism& operator=(const Mechanism&) = delete;
  virtual ~Mechanism() = default;

  [[nodiscard]] virtual Traits traits() const = 0;
  [[nodiscard]] virtual SendResult send(std::span<const std::byte> message, Deadline deadline) = 0;
  [[nodiscard]] virtual ReceiveResult receive(Deadline deadline) = 0;
  virtual void be_sender() {}
  virtual void be_receiver() {}
  /// For mechanisms that send to a process: until this is said, it is the one that made the mechanism.
  virtual void receiver_is(const Process&) {}
};

struct MechanismCase {
  std::string name;
  std::function<std::unique_ptr<Mechanism>()> make;
};
inline void PrintTo(const MechanismCase& mechanism, std::ostream* out) { *out << mechanism.name; }

/// Makes the mechanism, and holds every test to leaving the descriptors as they were.
class Conformance : public ::testing::TestWithParam<MechanismCase> {
 protected:
  void SetUp() override {
    before_ = open_descriptors();
    mechanism_ = GetParam().make();
    ASSERT_NE(mechanism_, nullptr);
    traits_ = mechanism_->traits();
  }
  void TearDown() override {
    mechanism_.reset();
    EXPECT_EQ(open_descriptors(), before_);
  }

  [[nodiscard]] Mechanism& mechanism() { return *mechanism_; }
  [[nodiscard]] const Traits& traits() const { return traits_; }
  /// Gives up both ends in this process.
  void give_up() { mechanism_.reset(); }

  /// A message that carries a number in its first four bytes where it has room for one, and a pattern after it.
  [[nodiscard]] Bytestring numbered(std::uint32_t number) const;
  /// Whether it is the message of that number, in length and in every byte.
  [[nodiscard]] ::testing::AssertionResult is_numbered(const Bytestring& message, std::uint32_t number) const;
  [[nodiscard]] bool carries_numbers() const { return traits_.largest >= sizeof(std::uint32_t); }
  [[nodiscard]] static std::uint32_t number_of(const Bytestring& message);

  void send_or_fail(std::span<const std::byte> message);
  void receive_or_fail(Bytestring& message);
  /// What comes when nothing more was sent: the end where the mechanism tells it, else a wait that times out.
  void expect_nothing_more();

 private:
  std::vector<std::string> before_;
  std::unique_ptr<Mechanism> mechanism_;
  Traits traits_;
};

#define GINNEL_INSTANTIATE_CONFORMANCE(family, ...)                             \
  INSTANTIATE_TEST_SUITE_P(family, Conformance, ::testing::Values(__VA_ARGS__), \
                           [](const auto& tested) { return tested.param.name; })

}  // namespace ginnel::test
