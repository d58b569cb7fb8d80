#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "bench/exports.hpp"
#include "bench/report_json.hpp"

namespace ginnel::cli::bench {

// Made of the files in bench/page and third_party/uplot when the command is built: cmake/GinnelEmbed.cmake.
namespace embedded {
extern const std::string_view page_html;
extern const std::string_view page_css;
extern const std::string_view page_js;
extern const std::string_view uplot_css;
extern const std::string_view uplot_js;
}  // namespace embedded

namespace {

/// JSON that can stand in a script element: `</script>` in a string would end it.
std::string safe_in_script(const Json& json) {
  const std::string text = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  std::string safe;
  safe.reserve(text.size());
  for (const char c : text) {
    if (c == '<')
      safe += "\\u003c";
    else
      safe += c;
  }
  return safe;
}

}  // namespace

std::string page_text(const measure::Report& report) {
  const std::string data = safe_in_script(to_json(report, Detail::histograms));
  const std::array parts{std::pair{std::string_view{"uplot_css"}, embedded::uplot_css},
                         std::pair{std::string_view{"page_css"}, embedded::page_css},
                         std::pair{std::string_view{"report"}, std::string_view{data}},
                         std::pair{std::string_view{"uplot_js"}, embedded::uplot_js},
                         std::pair{std::string_view{"page_js"}, embedded::page_js}};
  std::string page;
  std::string_view rest = embedded::page_html;
  for (const auto& [name, content] : parts) {  // in the order in which the page names them
    const std::string mark = "{{" + std::string{name} + "}}";
    const auto at = rest.find(mark);
    page.append(rest.substr(0, at)).append(content);
    rest.remove_prefix(at + mark.size());
  }
  return page.append(rest);
}

}  // namespace ginnel::cli::bench
