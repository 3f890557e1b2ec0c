#include "pemba/cli/paging.h"

#include <utility>

#include "pemba/resource/members.h"

namespace pemba::cli {

namespace json = boost::json;

Result<json::object> ReadPages(
    std::string_view key, std::size_t pages_max, std::string token,
    const std::function<Result<json::value>(const std::string& token)>& fetch) {
  json::array items;
  for (std::size_t page = 0; pages_max == 0 || page < pages_max; ++page) {
    PEMBA_TRY(auto answer, fetch(token));
    token = resource::TextOf(answer, "continuation_token");
    const auto& more = ListAt(answer, key);
    items.insert(items.end(), more.begin(), more.end());
    if (token.empty() || more.empty()) break;
  }
  json::object result;
  result[key] = std::move(items);
  result["continuation_token"] = token;
  return result;
}

json::array ListAt(json::value&& value, std::string_view key) {
  return ListAt(static_cast<const json::value&>(value), key);
}

const json::array& ListAt(const json::value& value, std::string_view key) {
  static const json::array kNone;
  const auto* object = value.if_object();
  const auto* member = object == nullptr ? nullptr : object->if_contains(key);
  return member != nullptr && member->is_array() ? member->get_array() : kNone;
}

}  // namespace pemba::cli
