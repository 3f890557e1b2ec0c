#include "pemba/store/internal/assertions.h"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "pemba/tuple/context.h"

namespace pemba::store::internal {
namespace {

namespace json = boost::json;

json::object EncodeTuple(const tuple::Tuple& t) {
  json::object out{{"object", t.object}, {"relation", t.relation}, {"user", t.subject}};
  if (t.condition) {
    out["condition"] = {{"name", t.condition->name}, {"context", t.condition->context}};
  }
  return out;
}

Error Corrupt() { return {ErrorCode::kDataLoss, "stored assertions are corrupt"}; }

// Boost throws on a missing member or another kind of value; the seam is DecodeAssertions.
tuple::Tuple DecodeTuple(const json::object& in) {
  tuple::Tuple t;
  t.object = in.at("object").as_string();
  t.relation = in.at("relation").as_string();
  t.subject = in.at("user").as_string();
  if (const auto* condition = in.if_contains("condition")) {
    const auto& parts = condition->as_object();
    t.condition = tuple::Condition{std::string(parts.at("name").as_string()),
                                   parts.at("context").as_object()};
    json::value context = std::move(t.condition->context);
    tuple::NumbersToDoubles(context);
    t.condition->context = std::move(context.as_object());
  }
  return t;
}

Assertion DecodeAssertion(const json::object& in) {
  Assertion assertion;
  assertion.tuple = DecodeTuple(in);
  assertion.expectation = in.at("expectation").as_bool();
  for (const auto& t : in.at("contextual_tuples").as_array()) {
    assertion.contextual_tuples.push_back(DecodeTuple(t.as_object()));
  }
  if (const auto* context = in.if_contains("context")) {
    json::value doubles = context->as_object();
    tuple::NumbersToDoubles(doubles);
    assertion.context = std::move(doubles.as_object());
  }
  return assertion;
}

}  // namespace

std::string EncodeAssertions(std::span<const Assertion> assertions) {
  json::array out;
  for (const auto& assertion : assertions) {
    json::object entry = EncodeTuple(assertion.tuple);
    entry["expectation"] = assertion.expectation;
    json::array contextual;
    for (const auto& t : assertion.contextual_tuples) contextual.push_back(EncodeTuple(t));
    entry["contextual_tuples"] = std::move(contextual);
    if (assertion.context) entry["context"] = *assertion.context;
    out.push_back(std::move(entry));
  }
  return json::serialize(json::object{{"assertions", std::move(out)}});
}

Result<std::vector<Assertion>> DecodeAssertions(std::string_view text) {
  // A context may nest kContextDepthMax levels, three levels into the document.
  json::parse_options options;
  options.max_depth = tuple::kContextDepthMax + 8;
  try {
    const auto document = json::parse(json::string_view(text.data(), text.size()), {}, options);
    std::vector<Assertion> assertions;
    for (const auto& entry : document.as_object().at("assertions").as_array()) {
      assertions.push_back(DecodeAssertion(entry.as_object()));
    }
    return assertions;
  } catch (const std::exception&) {
    return Corrupt();
  }
}

}  // namespace pemba::store::internal
