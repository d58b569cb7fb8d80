#include "json.hpp"

namespace ginnel::cli {

std::string to_text(const Json& json) { return json.dump(2, ' ', false, Json::error_handler_t::replace) + '\n'; }

}  // namespace ginnel::cli
