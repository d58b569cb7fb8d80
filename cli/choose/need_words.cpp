#include "choose/need_words.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>

#include "ginnel/core/bytes.hpp"
#include "options.hpp"
#include "render/output.hpp"
#include "usage_error.hpp"

namespace ginnel::cli::choose {
namespace {

using measure::Needs;

template <bool Needs::* need>
Result<void> set(Needs& needs, const std::string&) {
  needs.*need = true;
  return {};
}

/// One of some words.
template <auto need, auto parse>
Result<void> set_word(Needs& needs, const std::string& text, const char* there_are) {
  const auto word = parse(text);
  if (!word) return std::unexpected{usage_error(text, std::string{"there is no such one; there are "} + there_are)};
  needs.*need = *word;
  return {};
}

Result<void> set_many(Needs& needs, const std::string& text) {
  if (text != "one" && text != "many") return std::unexpected{usage_error(text, "write one or many")};
  needs.many_senders = text == "many";
  return {};
}

Result<void> set_size(Needs& needs, const std::string& text) {
  auto size = Bytes::parse(text);
  if (!size) return std::unexpected{size.error()};
  needs.size = size->count();
  return {};
}

Result<void> set_rate(Needs& needs, const std::string& text) {
  char* end = nullptr;
  needs.rate = std::strtod(text.c_str(), &end);
  if (end == text.c_str() || *end != '\0' || !(needs.rate > 0))
    return std::unexpected{usage_error(text, "write messages a second, above 0")};
  return {};
}

Result<void> set_latency(Needs& needs, const std::string& text) {
  auto latency = parse_duration(text);
  if (!latency) return std::unexpected{latency.error()};
  needs.latency_ns = static_cast<double>(std::chrono::nanoseconds{*latency}.count());
  return {};
}

constexpr const char* purposes = "bytes, messages, value, jobs, calls, event, lock, count, memory";
constexpr const char* receivers = "one, share (each message to one of them), all (each message to all)";
constexpr const char* trusts = "same-user, other-user, container, hostile";
constexpr const char* manners = "sleeping, adaptive, polling";

constexpr std::array words{
    NeedWord{"for", "WHAT", "What they want of each other: bytes messages value jobs calls event lock count memory",
             "What for? A stream of bytes, whole messages, the newest value, jobs for workers, calls with answers, an "
             "event, a "
             "lock, a count, or memory (bytes messages value jobs calls event lock count memory)",
             [](Needs& needs, const std::string& text) {
               return set_word<&Needs::purpose, measure::parse_purpose>(needs, text, purposes);
             }},
    NeedWord{"unrelated", "", "They are not started by one another",
             "Do they have to find each other, not being started by "
             "one another? (y/N)",
             set<&Needs::unrelated>},
    NeedWord{"senders", "one|many", "At the same time", "One sender at a time, or many? (one many)", set_many},
    NeedWord{"both-ways", "", "Each side sends", "Does each side send? (y/N)", set<&Needs::both_ways>},
    NeedWord{"receivers", "WHICH", "One; share: each message to one of many; all: each message to all",
             "Who receives: one; of many, each message one of them; or all of them? (one share all)",
             [](Needs& needs, const std::string& text) {
               return set_word<&Needs::receivers, measure::parse_receivers>(needs, text, receivers);
             }},
    NeedWord{"order", "", "Messages of one sender come in their order", "Is order needed? (y/N)", set<&Needs::order>},
    NeedWord{"size", "SIZE", "Of a message: 64, 4K, 1M", "How large is a message? (64, 4K, 1M)", set_size},
    NeedWord{"rate", "N", "Messages a second", "How many messages a second?", set_rate},
    NeedWord{"latency", "TIME", "One way, half of the time: 5us, 1ms", "What latency is wanted, one way? (5us, 1ms)",
             set_latency},
    NeedWord{"mode", "MODE", "How the sides wait: sleeping, adaptive, polling",
             "May they poll, or do they have to sleep? (sleeping adaptive polling)",
             [](Needs& needs, const std::string& text) {
               return set_word<&Needs::manner, measure::parse_manner>(needs, text, manners);
             }},
    NeedWord{"trust", "PEER", "The least trustworthy peer: same-user other-user container hostile",
             "Who is the least trustworthy peer? (same-user other-user container hostile)",
             [](Needs& needs, const std::string& text) {
               return set_word<&Needs::trust, measure::parse_trust>(needs, text, trusts);
             }},
    NeedWord{"descriptors", "", "Descriptors are passed along", "Are descriptors to be passed? (y/N)",
             set<&Needs::descriptors>},
    NeedWord{"priorities", "", "Some messages come before others", "Are there priorities? (y/N)",
             set<&Needs::priorities>},
    NeedWord{"pollable", "", "Waited for by epoll, with other things", "Is it waited for by epoll? (y/N)",
             set<&Needs::pollable>},
    NeedWord{"credentials", "", "Each side knows who the other one is",
             "Does a side have to know who the other is? (y/N)", set<&Needs::credentials>},
    NeedWord{"never-wait", "", "A slow receiver does not hold the sender up",
             "Must a slow receiver never hold the sender up? (y/N)", set<&Needs::never_wait>},
    NeedWord{"lose-nothing", "", "However slow the receiver is",
             "Must nothing be lost, however slow the receiver is? (y/N)", set<&Needs::lose_nothing>},
    NeedWord{"persistent", "", "What was sent waits when nobody is there",
             "Must messages wait when nobody is there? (y/N)", set<&Needs::outlives>},
    NeedWord{"told-of-death", "", "A side learns that the other one has died",
             "Must a side be told that the other has died? (y/N)", set<&Needs::told_of_death>},
    NeedWord{"survives", "", "Whoever dies, at whatever instruction, the others go on",
             "Must the others go on, whoever is killed? (y/N)", set<&Needs::survives>},
    NeedWord{"redelivers", "", "What a dead receiver had taken is given to another",
             "Must what a dead receiver had taken be done by another? (y/N)", set<&Needs::redelivers>},
    NeedWord{"in-place", "", "Large data are not copied; a lock lies beside its data",
             "Are the data too large to be copied? (y/N)", set<&Needs::in_place>},
    NeedWord{"posix", "", "Not of Linux alone", "Must it work on other systems than Linux? (y/N)", set<&Needs::posix>},
    NeedWord{"other-machine", "", "The other side is on another machine", "Is the other side on another machine? (y/N)",
             set<&Needs::other_machine>},
};

Error at_line(const std::string& path, std::size_t number, const Error& error) {
  return usage_error(path + " line " + std::to_string(number), error.object() + ": " + error.hint());
}

Result<void> take_line(Needs& needs, const std::string& line) {
  const auto gap = line.find_first_of(" \t");
  const std::string name = line.substr(0, gap);
  const auto value = gap == std::string::npos ? gap : line.find_first_not_of(" \t", gap);
  const NeedWord* const word = find_need(name);
  if (word == nullptr) return std::unexpected{usage_error(name, "no such need; 'ginnel choose --help' lists them")};
  if (word->value.empty() != (value == std::string::npos))
    return std::unexpected{usage_error(name, word->value.empty() ? "it takes no value" : "its value is missing")};
  return word->apply(needs, word->value.empty() ? "" : line.substr(value));
}

}  // namespace

std::span<const NeedWord> need_words() noexcept { return words; }

const NeedWord* find_need(std::string_view name) noexcept {
  const auto* const found = std::ranges::find(words, name, &NeedWord::name);
  return found == words.end() ? nullptr : found;
}

Result<void> read_needs(const std::string& path, Needs& needs) {
  errno = 0;
  std::ifstream file{path};
  if (!file) return std::unexpected{Error{errno != 0 ? errno : EIO, "read", path}};
  std::size_t number = 0;
  for (std::string line; std::getline(file, line);) {
    ++number;
    while (!line.empty() && (line.back() == ' ' || line.back() == '\t' || line.back() == '\r')) line.pop_back();
    if (line.empty() || line.front() == '#') continue;
    if (auto taken = take_line(needs, line); !taken) return std::unexpected{at_line(path, number, taken.error())};
  }
  return {};
}

Result<void> ask_for_needs(Needs& needs) {
  note("Questions; an empty answer asks for nothing, Ctrl-D ends them.\n");
  for (const NeedWord& word : words) {
    while (true) {
      note("{}: ", word.question);
      std::fflush(stderr);
      std::string answer;
      if (!std::getline(std::cin, answer)) {
        note("\n");
        return {};
      }
      const bool yes_or_no = word.value.empty();
      if (answer.empty() || (yes_or_no && (answer == "n" || answer == "no"))) break;
      if (yes_or_no && answer != "y" && answer != "yes") {
        note("{}: answer y or n\n", answer);
        continue;
      }
      const auto applied = word.apply(needs, answer);
      if (applied) break;
      note("{}: {}\n", applied.error().object(), applied.error().hint());
    }
  }
  return {};
}

}  // namespace ginnel::cli::choose
