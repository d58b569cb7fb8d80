#include "tour/judge.hpp"

#include <gtest/gtest.h>

#include <algorithm>

// A tour whose judges cannot say no proves nothing: each is given what a broken mechanism would give.

namespace ginnel::cli::tour {
namespace {

std::string seen_by(const Verdict& verdict) { return verdict ? verdict->to_string() : "true"; }

TEST(JudgeBytes, AcceptsWhatIsTheSame) {
  EXPECT_EQ(seen_by(judge_bytes(pattern(1000), pattern(1000))), "true");
  EXPECT_EQ(seen_by(judge_bytes({}, {})), "true");
}

TEST(JudgeBytes, TellsTheFirstByteThatDiffers) {
  const Message sent = pattern(1000);
  Message received = sent;
  received[137] ^= std::byte{1};
  EXPECT_EQ(seen_by(judge_bytes(sent, received)),
            "expected the 1000 bytes that were sent, saw the first difference at byte 137");
}

TEST(JudgeBytes, TellsOfLostAndDoubledBytes) {
  const Message sent = pattern(1000);
  Message lost = sent;
  lost.erase(lost.begin() + 10);
  EXPECT_NE(seen_by(judge_bytes(sent, lost)).find("999 bytes"), std::string::npos);
  Message doubled = sent;
  doubled.insert(doubled.begin() + 10, doubled[10]);
  EXPECT_NE(seen_by(judge_bytes(sent, doubled)).find("1001 bytes"), std::string::npos);
  EXPECT_NE(seen_by(judge_bytes(sent, {})), "true");
  EXPECT_NE(seen_by(judge_bytes({}, sent)), "true");
}

TEST(JudgeBytes, TellsOfTwoBlocksThatChangedPlaces) {
  const Message sent = pattern(8192);
  Message received = sent;
  std::ranges::rotate(received, received.begin() + 4096);
  EXPECT_NE(seen_by(judge_bytes(sent, received)), "true");
}

TEST(JudgeMessages, AcceptsTheSameMessagesInOrderEmptyOnesToo) {
  const auto sent = test_messages(50, 300, true);
  EXPECT_EQ(seen_by(judge_messages(sent, sent)), "true");
}

TEST(JudgeMessages, TellsOfTwoMessagesThatChangedPlaces) {
  const std::vector<Message> sent{pattern(10, 1), pattern(10, 2), pattern(10, 3)};
  const std::vector<Message> received{sent[0], sent[2], sent[1]};
  EXPECT_EQ(seen_by(judge_messages(sent, received)), "expected message 1, saw message 2 in its place");
}

TEST(JudgeMessages, TellsOfTwoMessagesRunTogether) {
  const std::vector<Message> sent{pattern(10, 1), pattern(20, 2)};
  Message joined = sent[0];
  joined.insert(joined.end(), sent[1].begin(), sent[1].end());
  EXPECT_EQ(seen_by(judge_messages(sent, {joined})), "expected message 0 of 10 bytes, saw 30 bytes");
}

TEST(JudgeMessages, TellsOfAMessageCutShort) {
  const std::vector<Message> sent{pattern(10, 1)};
  EXPECT_EQ(seen_by(judge_messages(sent, {Message(sent[0].begin(), sent[0].end() - 1)})),
            "expected message 0 of 10 bytes, saw 9 bytes");
}

TEST(JudgeMessages, TellsOfAChangedContent) {
  const std::vector<Message> sent{pattern(10, 1)};
  std::vector<Message> received = sent;
  received[0][3] ^= std::byte{1};
  EXPECT_EQ(seen_by(judge_messages(sent, received)), "expected message 0, saw another content from byte 3 on");
}

TEST(JudgeMessages, TellsOfLostAndDoubledOnes) {
  const auto sent = test_messages(5, 100, false);
  EXPECT_EQ(seen_by(judge_messages(sent, {sent.begin(), sent.end() - 1})), "expected 5 messages, saw 4");
  auto doubled = sent;
  doubled.push_back(sent.back());
  EXPECT_EQ(seen_by(judge_messages(sent, doubled)), "expected 5 messages, saw 6");
}

TEST(JudgeMessages, TellsOfAnEmptyMessageThatWasSwallowed) {
  const auto sent = test_messages(9, 100, true);
  auto received = sent;
  std::erase_if(received, [](const Message& message) { return message.empty(); });
  EXPECT_NE(seen_by(judge_messages(sent, received)), "true");
}

TEST(Judge, NumbersTextsAndOutcomes) {
  EXPECT_EQ(seen_by(judge_number("counted", 42, 42)), "true");
  EXPECT_EQ(seen_by(judge_number("counted", 42, 41)), "expected 42 counted, saw 41");
  EXPECT_EQ(seen_by(judge_text("a", "a")), "true");
  EXPECT_EQ(seen_by(judge_text("a", "b")), "expected 'a', saw 'b'");
  EXPECT_EQ(seen_by(judge_outcome("the end", true)), "true");
  EXPECT_EQ(seen_by(judge_outcome("the end", false, "nothing")), "expected the end, saw nothing");
}

TEST(TestMessages, HaveTheLargestASmallOneAndNoTwoAlike) {
  const auto messages = test_messages(300, 4096, true);
  ASSERT_EQ(messages.size(), 300U);
  EXPECT_EQ(std::ranges::max(messages, {}, &Message::size).size(), 4096U);
  EXPECT_EQ(std::ranges::count_if(messages, &Message::empty), 1);
  for (const Message& message : messages) EXPECT_LE(message.size(), 4096U);
  EXPECT_NE(pattern(64, 1), pattern(64, 2));
}

TEST(Median, IsUnmovedByAFewSpoiltSamples) {
  EXPECT_EQ(median({5}), 5U);
  EXPECT_EQ(median({5, 1, 9}), 5U);
  EXPECT_EQ(median({5, 5, 5, 5, 1'000'000}), 5U);
}

}  // namespace
}  // namespace ginnel::cli::tour
