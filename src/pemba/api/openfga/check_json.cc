#include "pemba/api/openfga/check_json.h"

#include <array>
#include <cstring>

#include <simdjson.h>

#include "pemba/api/json_writer.h"

namespace pemba::api::openfga {
namespace {

namespace dom = simdjson::dom;
namespace wire = ::openfga::v1;

constexpr std::size_t kBodyBytesMax = 4096;  // Larger bodies are not the usual shape.

// Sets `*out` unless the field was seen before.
bool ReadText(const dom::element& value, unsigned field, unsigned& seen, std::string* out) {
  std::string_view text;
  if ((seen & field) != 0 || value.get(text) != simdjson::SUCCESS) return false;
  seen |= field;
  out->assign(text);
  return true;
}

bool ReadKey(const dom::element& value, wire::CheckRequestTupleKey& key) {
  dom::object object;
  if (value.get(object) != simdjson::SUCCESS) return false;
  unsigned seen = 0;
  for (const auto [name, item] : object) {
    if (name == "user") {
      if (!ReadText(item, 1, seen, key.mutable_user())) return false;
    } else if (name == "relation") {
      if (!ReadText(item, 2, seen, key.mutable_relation())) return false;
    } else if (name == "object") {
      if (!ReadText(item, 4, seen, key.mutable_object())) return false;
    } else {
      return false;
    }
  }
  return true;
}

bool ReadMembers(const dom::object& object, wire::CheckRequest& request) {
  unsigned seen = 0;
  for (const auto [name, item] : object) {
    if (name == "tuple_key") {
      if (request.has_tuple_key() || !ReadKey(item, *request.mutable_tuple_key())) return false;
    } else if (name == "authorization_model_id") {
      if (!ReadText(item, 1, seen, request.mutable_authorization_model_id())) return false;
    } else if (name == "store_id") {
      if (!ReadText(item, 2, seen, request.mutable_store_id())) return false;
    } else {
      return false;
    }
  }
  return true;
}

}  // namespace

QuickRead ReadCheckRequest(std::string_view body, wire::CheckRequest& request) {
  if (body.size() > kBodyBytesMax) return QuickRead::kNotPlain;
  static thread_local dom::parser parser;
  // simdjson reads whole blocks, so the text needs room behind it.
  static thread_local std::array<char, kBodyBytesMax + simdjson::SIMDJSON_PADDING> padded;
  std::memcpy(padded.data(), body.data(), body.size());
  std::memset(padded.data() + body.size(), ' ', simdjson::SIMDJSON_PADDING);
  dom::object object;
  if (parser.parse(padded.data(), body.size(), false).get(object) != simdjson::SUCCESS ||
      !ReadMembers(object, request)) {
    return QuickRead::kNotPlain;
  }
  return QuickRead::kDone;
}

void WriteCheckResponse(const wire::CheckResponse& response, std::string& out) {
  out +=
      response.allowed() ? R"({"allowed":true,"resolution":)" : R"({"allowed":false,"resolution":)";
  AppendJsonString(response.resolution(), out);
  out.push_back('}');
}

}  // namespace pemba::api::openfga
