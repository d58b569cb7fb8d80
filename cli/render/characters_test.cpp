#include "render/characters.hpp"

#include <gtest/gtest.h>

#include "render/harmless.hpp"
#include "render/table.hpp"

namespace ginnel::cli {
namespace {

TEST(Characters, TakeTheColumnsThatATerminalGivesThem) {
  EXPECT_EQ(display_width(""), 0U);
  EXPECT_EQ(display_width("plain"), 5U);
  EXPECT_EQ(display_width("кирилл"), 6U);
  EXPECT_EQ(display_width("日本"), 4U);
  EXPECT_EQ(display_width("e\u0301"), 1U);
  EXPECT_EQ(display_width("…\u200b"), 1U);
}

TEST(Characters, ABytePartOfNoneStandsForItself) {
  for (const std::string_view text : {"\x80", "\xbf\x80", "\xc0\xaf", "\xc3", "\xc3(", "\xe0\x80\x80", "\xed\xa0\x80",
                                      "\xe2\x82", "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80", "\xff"}) {
    const Character first = first_character(text);
    EXPECT_FALSE(first.is_valid) << text;
    EXPECT_EQ(first.bytes.size(), 1U) << text;
    EXPECT_EQ(first.columns, 1U) << text;
  }
  EXPECT_EQ(first_character("\xf0\x9f\x98\x80!").bytes.size(), 4U);
  EXPECT_TRUE(first_character("").bytes.empty());
}

TEST(Harmless, ShowsNothingThatPlaysWithTheTerminal) {
  EXPECT_EQ(on_one_line("a\x1b[31m\nb\x7f"), "a?[31m?b?");
  EXPECT_EQ(on_one_line("c1 \u009b31m, raw \x9b"
                        "31m, no \xff\xfe"),
            "c1 ?31m, raw ?31m, no ??");
  EXPECT_EQ(on_one_line("\u202eturned\u2066 \u2028"), "?turned? ?");
  EXPECT_EQ(on_one_line("as it is: é 日本 …"), "as it is: é 日本 …");
  EXPECT_EQ(harmless("two\nlines\x07\n"), "two\nlines?\n");
  EXPECT_EQ(harmless("one"), "one");
}

TEST(Table, AlignsAndWrapsByColumnsOfTheTerminal) {
  Table table{{{"A", Align::left, true}, {"B"}}};
  table.add_row({{"日本語日本語"}, {"x"}});
  table.add_row({{"plain"}, {"y"}});
  EXPECT_EQ(table.render({.width = {}, .colour = false}), "A             B\n日本語日本語  x\nplain         y\n");
  EXPECT_EQ(table.render({.width = 11, .colour = false}), "A         B\n日本語日  x\n本語\nplain     y\n");
}

}  // namespace
}  // namespace ginnel::cli
