#include <gtest/gtest.h>

#include <cerrno>

#include "ginnel/sys/signal.hpp"

namespace ginnel {
namespace {

TEST(SignalName, AllFormsOfANameGiveTheNumber) {
  for (const char* form : {"TERM", "SIGTERM", "term", "SigTerm", "15"})
    EXPECT_EQ(parse_signal(form).value(), SIGTERM) << form;
  EXPECT_EQ(parse_signal("IO").value(), SIGIO);
  EXPECT_EQ(parse_signal("SIGPOLL").value(), SIGIO);
  EXPECT_EQ(parse_signal("CLD").value(), SIGCHLD);
  EXPECT_EQ(parse_signal("RTMIN").value(), SIGRTMIN);
  EXPECT_EQ(parse_signal("RTMIN+1").value(), SIGRTMIN + 1);
  EXPECT_EQ(parse_signal("SIGRTMAX-2").value(), SIGRTMAX - 2);
  EXPECT_EQ(parse_signal("SIGRTMAX").value(), SIGRTMAX);
  EXPECT_EQ(parse_signal(std::to_string(SIGRTMIN)).value(), SIGRTMIN);
}

TEST(SignalName, WhatIsNoSignalIsRefusedWithTheForms) {
  for (const char* form :
       {"",   "SIG",         "TERMS",   "SIG15",    "0",       "-1",       "+1",     "15x",     "32",       "33",
        "65", "99999999999", "RTMIN-1", "RTMIN+31", "RTMAX+1", "RTMAX-31", "RTMIN+", "RTMIN+x", "RTMIN+-1", " TERM"}) {
    auto parsed = parse_signal(form);
    ASSERT_FALSE(parsed) << form;
    EXPECT_EQ(parsed.error().code(), EINVAL);
    EXPECT_NE(parsed.error().hint().find("RTMIN+1"), std::string::npos);
  }
}

TEST(SignalName, EveryNameIsReadBackToItsNumber) {
  for (int number = 1; number <= SIGRTMAX; ++number) {
    if (signal_name(number).starts_with("signal ")) continue;  // kept by the C library
    EXPECT_EQ(parse_signal(signal_name(number)).value(), number);
  }
  EXPECT_EQ(signal_name(SIGTERM), "SIGTERM");
  EXPECT_EQ(signal_name(SIGRTMIN), "SIGRTMIN");
  EXPECT_EQ(signal_name(SIGRTMAX), "SIGRTMIN+30");
  for (const int none : {0, -1, 32, 65, 99}) EXPECT_EQ(signal_name(none), "signal " + std::to_string(none));
}

}  // namespace
}  // namespace ginnel
