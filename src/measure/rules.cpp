#include "rules.hpp"

#include <array>

namespace ginnel::measure {
namespace {

using M = const Mechanism&;
using N = const Needs&;

/// One that a claim answers by itself.
template <auto need, auto claim>
constexpr Rule plain(std::string (*missing)(N, M)) {
  return {.is_needed = [](N needs) -> bool { return needs.*need; },
          .is_met = [](N, M mechanism) -> bool { return (mechanism.*claim).is; },
          .what_is_missing = missing,
          .source = [](M mechanism) { return (mechanism.*claim).source; }};
}

/// Receivers that each get one are also enough where there is one receiver only, and so is a lock that readers share.
bool receivers_met(Receivers wanted, Receivers had) { return wanted == Receivers::one || wanted == had; }

std::string bytes_text(std::uint64_t bytes) { return std::to_string(bytes) + " bytes"; }

/// The limits of ginnel's own messaging are options of whoever makes the object, not limits of the mechanism.
bool is_sized_by_its_maker(M mechanism) { return mechanism.largest.source.starts_with("ginnel/msg/"); }

constexpr std::array all_rules{
    Rule{.is_needed = [](N needs) { return needs.other_machine; },
         .is_met = [](N, M) { return false; },
         .what_is_missing = [](N, M) -> std::string { return "reaches no other machine: that is TCP's work"; },
         .source = [](M) -> std::string_view { return "tcp(7)"; }},
    Rule{.is_needed = [](N needs) { return needs.purpose.has_value(); },
         .is_met = [](N needs, M mechanism) { return mechanism.purposes.is.has(*needs.purpose); },
         .what_is_missing = [](N needs, M) -> std::string {
           return "is not for " + std::string{to_string(*needs.purpose)};
         },
         .source = [](M mechanism) { return mechanism.purposes.source; }},
    plain<&Needs::unrelated, &Mechanism::unrelated>(
        [](N, M) -> std::string { return "has no name: only relatives, or who was handed a descriptor, can use it"; }),
    plain<&Needs::many_senders, &Mechanism::many_senders>([](N, M) -> std::string { return "has one sender"; }),
    plain<&Needs::both_ways, &Mechanism::both_ways>([](N, M) -> std::string { return "goes one way only"; }),
    Rule{.is_needed = [](N needs) { return needs.receivers.has_value(); },
         .is_met = [](N needs, M mechanism) { return receivers_met(*needs.receivers, mechanism.receivers.is); },
         .what_is_missing = [](N needs, M mechanism) -> std::string {
           if (*needs.receivers == Receivers::each_gets_all && mechanism.receivers.is == Receivers::each_gets_one)
             return "gives what was sent to one of the receivers, not to all";
           if (mechanism.receivers.is == Receivers::each_gets_all)
             return "gives what was sent to all receivers, not to one";
           return "has one receiver";
         },
         .source = [](M mechanism) { return mechanism.receivers.source; }},
    Rule{.is_needed = [](N needs) { return needs.order; },
         .is_met = [](N, M mechanism) { return mechanism.order.is != Order::none; },
         .what_is_missing = [](N, M) -> std::string { return "knows no order"; },
         .source = [](M mechanism) { return mechanism.order.source; }},
    Rule{.is_needed = [](N needs) { return needs.size > 0; },
         .is_met =
             [](N needs, M mechanism) {
               return mechanism.largest.is == 0 || needs.size <= mechanism.largest.is ||
                      is_sized_by_its_maker(mechanism);
             },
         .what_is_missing = [](N, M mechanism) -> std::string {
           return "a message has at most " + bytes_text(mechanism.largest.is);
         },
         .source = [](M mechanism) { return mechanism.largest.source; }},
    Rule{.is_needed = [](N needs) { return needs.trust != Trust::same_user; },
         .is_met = [](N needs, M mechanism) { return mechanism.trust.is >= needs.trust; },
         .what_is_missing = [](N needs, M mechanism) -> std::string {
           if (needs.trust == Trust::container && mechanism.trust.is == Trust::other_user)
             return "does not reach into another container";
           if (mechanism.trust.is == Trust::same_user) return "is for processes that trust each other";
           return "does not stand a peer that is " + std::string{to_string(needs.trust)};
         },
         .source = [](M mechanism) { return mechanism.trust.source; }},
    plain<&Needs::descriptors, &Mechanism::descriptors>([](N, M) -> std::string { return "passes no descriptors"; }),
    plain<&Needs::priorities, &Mechanism::priorities>([](N, M) -> std::string { return "has no priorities"; }),
    plain<&Needs::pollable, &Mechanism::pollable>([](N, M) -> std::string { return "has no descriptor for epoll"; }),
    plain<&Needs::credentials, &Mechanism::credentials>(
        [](N, M) -> std::string { return "does not tell who the other side is"; }),
    Rule{.is_needed = [](N needs) { return needs.never_wait; },
         .is_met = [](N, M mechanism) { return mechanism.on_full.is != OnFull::waits; },
         .what_is_missing = [](N, M) -> std::string { return "a slow receiver holds the sender up"; },
         .source = [](M mechanism) { return mechanism.on_full.source; }},
    Rule{.is_needed = [](N needs) { return needs.lose_nothing; },
         .is_met = [](N, M mechanism) { return mechanism.on_full.is != OnFull::loses; },
         .what_is_missing = [](N, M) -> std::string { return "a slow receiver misses messages"; },
         .source = [](M mechanism) { return mechanism.on_full.source; }},
    Rule{.is_needed = [](N needs) { return needs.outlives; },
         .is_met = [](N, M mechanism) { return mechanism.outlives.is == Outlives::users; },
         .what_is_missing = [](N, M) -> std::string { return "keeps nothing when nobody has it open"; },
         .source = [](M mechanism) { return mechanism.outlives.source; }},
    Rule{.is_needed = [](N needs) { return needs.told_of_death; },
         .is_met = [](N, M mechanism) { return mechanism.tells_receiver.is || mechanism.tells_sender.is; },
         .what_is_missing = [](N, M) -> std::string { return "tells nobody of the other side's death"; },
         .source = [](M mechanism) { return mechanism.tells_receiver.source; }},
    plain<&Needs::survives, &Mechanism::survives>(
        [](N, M) -> std::string { return "who dies in the middle leaves the others stuck, or data half-changed"; }),
    plain<&Needs::redelivers, &Mechanism::redelivers>(
        [](N, M) -> std::string { return "what a dead receiver had taken is lost"; }),
    plain<&Needs::in_place, &Mechanism::in_place>(
        [](N, M) -> std::string { return "copies all data, or does not lie beside them"; }),
    Rule{.is_needed = [](N needs) { return needs.posix; },
         .is_met = [](N, M mechanism) { return mechanism.portability.is == Portability::posix; },
         .what_is_missing = [](N, M) -> std::string { return "is of Linux alone"; },
         .source = [](M mechanism) { return mechanism.portability.source; }},
};

}  // namespace

std::span<const Rule> rules() noexcept { return all_rules; }

}  // namespace ginnel::measure
