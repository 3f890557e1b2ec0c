// Paging: following continuation tokens.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include "pemba/base/result.h"

namespace pemba::cli {

// Calls `fetch` with the empty token, then with each token it was given, and gathers the lists
// under `key` of all answers. Ends at an empty token, an empty page or after `pages_max` pages (0:
// no limit). Returns {KEY: [...], "continuation_token": the last token}.
Result<boost::json::object> ReadPages(
    std::string_view key, std::size_t pages_max, std::string token,
    const std::function<Result<boost::json::value>(const std::string& token)>& fetch);

// The list under `key` of an object; empty if there is none. Of a temporary: a copy.
const boost::json::array& ListAt(const boost::json::value& value, std::string_view key);
boost::json::array ListAt(boost::json::value&& value, std::string_view key);

}  // namespace pemba::cli
