#include "pemba/api/access/subject_access_review.h"

#include <utility>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "pemba/resource/members.h"
#include "pemba/resource/selector.h"

namespace pemba::api::access {
namespace {

namespace json = boost::json;

using iam::AccessDecision;
using resource::ObjectOf;
using resource::TextOf;
using Answer = iam::AccessDecision::Answer;

constexpr std::size_t kDepthMax = 32;
constexpr std::string_view kApiVersion = "authorization.k8s.io/v1";

ReadReview Problem(std::string text) {
  ReadReview read;
  read.problem = std::move(text);
  return read;
}

iam::Extra ExtraOf(const json::object& spec) {
  iam::Extra extra;
  const auto* all = ObjectOf(spec, "extra");
  if (all == nullptr) return extra;
  for (const auto& [key, values] : *all) {
    auto& texts = extra[std::string(key)];
    if (!values.is_array()) continue;
    for (const auto& value : values.get_array()) {
      if (value.is_string()) texts.emplace_back(value.get_string());
    }
  }
  return extra;
}

// Selectors may only narrow what is asked for, so they need only be readable.
std::string SelectorProblem(const json::object& attributes) {
  const auto* labels = ObjectOf(attributes, "labelSelector");
  const auto text = labels == nullptr ? "" : TextOf(*labels, "rawSelector");
  if (const auto parsed = resource::LabelSelector::Parse(text); !parsed.ok()) {
    return "labelSelector: " + parsed.error().message;
  }
  const auto* fields = ObjectOf(attributes, "fieldSelector");
  const auto raw = fields == nullptr ? "" : TextOf(*fields, "rawSelector");
  if (!raw.empty() && raw.find('=') == raw.npos) {
    return fmt::format("fieldSelector: `{}` cannot be read", raw);
  }
  return "";
}

std::string Document(json::object status) {
  return json::serialize(json::object{{"kind", "SubjectAccessReview"},
                                      {"apiVersion", kApiVersion},
                                      {"metadata", json::object{{"creationTimestamp", nullptr}}},
                                      {"spec", json::object()},
                                      {"status", std::move(status)}});
}

json::object ErrorStatus(std::string_view text, std::string_view reason, OnError on_error) {
  json::object status{{"allowed", false}};
  if (on_error == OnError::kDeny) status["denied"] = true;
  if (!reason.empty()) status["reason"] = reason;
  status["evaluationError"] = text;
  return status;
}

}  // namespace

ReadReview ParseSubjectAccessReview(std::string_view body) {
  if (body.empty()) return Problem("request body is empty");
  json::parse_options options;
  options.max_depth = kDepthMax;
  json::error_code error;
  const auto value = json::parse(json::string_view(body.data(), body.size()), error, {}, options);
  if (error) return Problem("the request body is not JSON: " + error.message());
  if (!value.is_object()) return Problem("the request body is not an object");
  const auto& document = value.get_object();
  const auto kind = TextOf(document, "kind");
  if (kind != "SubjectAccessReview" || TextOf(document, "apiVersion") != kApiVersion) {
    return Problem(fmt::format("expected a SubjectAccessReview of {}, got {} of {}", kApiVersion,
                               kind, TextOf(document, "apiVersion")));
  }
  const auto* spec = ObjectOf(document, "spec");
  if (spec == nullptr) return Problem("spec is required");
  const auto* attributes = ObjectOf(*spec, "resourceAttributes");
  const auto* other = ObjectOf(*spec, "nonResourceAttributes");
  if (attributes != nullptr && other != nullptr) {
    auto read = Problem("only one of resourceAttributes and nonResourceAttributes may be set");
    read.denied = true;
    return read;
  }
  if (attributes == nullptr && other == nullptr) {
    return Problem("one of resourceAttributes and nonResourceAttributes is required");
  }
  ReadReview read;
  iam::AccessReview review;
  review.uid = TextOf(*spec, "uid");
  review.extra = ExtraOf(*spec);
  review.parent = iam::ParentContextOf(review.extra);
  if (other != nullptr) {
    if (review.uid.empty()) return Problem("user UID is required");
    return Problem(fmt::format("permission for '{} {}' not registered", TextOf(*other, "verb"),
                               TextOf(*other, "path")));
  }
  if (auto problem = SelectorProblem(*attributes); !problem.empty()) return Problem(problem);
  review.verb = TextOf(*attributes, "verb");
  review.api_group = TextOf(*attributes, "group");
  review.resource = TextOf(*attributes, "resource");
  review.subresource = TextOf(*attributes, "subresource");
  review.name_space = TextOf(*attributes, "namespace");
  review.name = TextOf(*attributes, "name");
  read.review = std::move(review);
  return read;
}

std::string ReasonText(const AccessDecision& decision, std::string_view binding) {
  auto text = fmt::format("reason={}", iam::ToText(decision.reason));
  if (!decision.permission.empty()) text += " permission=" + decision.permission;
  if (decision.deciding) {
    const auto& item = decision.items[*decision.deciding];
    text += fmt::format(" item={} on={}", iam::ToText(item.kind), item.object);
  }
  if (!binding.empty()) text += fmt::format(" binding={}", binding);
  return text;
}

std::string AnswerSubjectAccessReview(const AccessDecision& decision, std::string_view binding,
                                      OnError on_error) {
  const auto reason = ReasonText(decision, binding);
  switch (decision.answer) {
    case Answer::kAllowed:
      return Document({{"allowed", true}, {"reason", reason}});
    case Answer::kDenied:
      return Document({{"allowed", false}, {"denied", true}, {"reason", reason}});
    case Answer::kUndecided:
      break;
  }
  return Document(ErrorStatus(decision.message, reason, on_error));
}

std::string AnswerUnread(const ReadReview& read, OnError on_error) {
  if (read.denied) {
    return Document({{"allowed", false}, {"denied", true}, {"reason", read.problem}});
  }
  return Document(ErrorStatus(read.problem, "", on_error));
}

}  // namespace pemba::api::access
