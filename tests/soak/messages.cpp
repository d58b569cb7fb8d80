#include <chrono>
#include <cstring>
#include <map>
#include <span>
#include <stdexcept>
#include <utility>
#include <vector>

#include "ginnel/msg/topic.hpp"
#include "soak/ledger.hpp"

namespace ginnel::soak {
namespace {

using namespace std::chrono_literals;

constexpr const char* topic_name = "soak";
constexpr std::size_t longest_body = 300;  // words

/// The first words of a message; a body of any length follows.
struct Head {
  std::uint64_t writer;  ///< this life of it
  std::uint64_t number;
  std::uint64_t sum;
};
constexpr std::size_t head_words = sizeof(Head) / sizeof(std::uint64_t);

/// What one reader has seen of each writer.
class Seen {
 public:
  /// How many messages are missing before this one; none may be before a reader's first of that writer. Negative: it came too late.
  [[nodiscard]] std::int64_t missing_before(const Head& head) {
    const auto [known, is_first] = next_.try_emplace(head.writer, head.number);
    const auto missing = static_cast<std::int64_t>(head.number - known->second);
    known->second = head.number + 1;
    return is_first ? 0 : missing;
  }

 private:
  std::map<std::uint64_t, std::uint64_t> next_;
};

}  // namespace

void publish_messages(Ledger& ledger, std::uint32_t writer, Random random) {
  auto publisher = Publisher<std::uint64_t[]>::create(topic_name, {.capacity = Bytes::kib(64)});
  if (!publisher) throw std::runtime_error{publisher.error().message()};
  const std::uint64_t life = (random.next() << 8U) | writer;
  std::vector<std::uint64_t> words;
  for (std::uint64_t number = 0; !ledger.is_ending.load();) {
    words.resize(head_words + random.below(longest_body));
    for (std::uint64_t& word : words) word = random.next();
    const std::span body = std::span{words}.subspan(head_words);
    const Head head{.writer = life, .number = number, .sum = checksum(body, number)};
    std::memcpy(words.data(), &head, sizeof head);
    const auto published = publisher->publish(words, Deadline::after(20ms));
    if (!published) throw std::runtime_error{published.error().message()};
    if (published->is<Done>()) ++number;
  }
}

void read_messages(Ledger& ledger, bool reliable, Random random) {
  auto subscriber = Subscriber<std::uint64_t[]>::open(
      topic_name, {.delivery = reliable ? Delivery::reliable : Delivery::best_effort, .last = random.below(20)});
  if (!subscriber) throw std::runtime_error{subscriber.error().message()};
  Seen seen;
  std::uint64_t missing = 0;
  while (true) {
    auto got = subscriber->receive(Deadline::after(20ms));
    if (!got) throw std::runtime_error{got.error().message()};
    auto* const sample = got->get_if<Sample<std::uint64_t[]>>();
    if (sample == nullptr) {
      if (ledger.is_ending.load()) return;
      continue;
    }
    ledger.receptions.fetch_add(1, std::memory_order_relaxed);
    const std::span<const std::uint64_t> words = **sample;
    Head head{};
    if (words.size() < head_words) {
      ledger.contradict("a message without its head");
      continue;
    }
    std::memcpy(&head, words.data(), sizeof head);
    if (head.sum != checksum(words.subspan(head_words), head.number)) ledger.contradict("a torn message");
    const std::int64_t missing_here = seen.missing_before(head);
    if (missing_here < 0)
      ledger.contradict("message " + std::to_string(head.number) + " came twice or out of its order, " +
                        std::to_string(-missing_here) + " back, to a " + (reliable ? "reliable" : "best-effort") +
                        " reader");
    if (missing_here > 0) missing += static_cast<std::uint64_t>(missing_here);
    if (missing > subscriber->lost())
      ledger.contradict(std::to_string(missing) + " messages are missing, and " + std::to_string(subscriber->lost()) +
                        " were told to be lost" + (reliable ? " by a reliable reader" : ""));
  }
}

void settle_messages(Ledger& ledger) {
  const auto removed = remove_topic(topic_name);
  if (!removed) ledger.contradict(removed.error().message());
}

}  // namespace ginnel::soak
