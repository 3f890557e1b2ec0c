#include "pemba/api/k8s/failures.h"

#include <boost/json/array.hpp>

namespace pemba::api::k8s {
namespace {

namespace json = boost::json;

using resource::Failure;
using resource::FieldError;

struct Words {
  int status;
  const char* reason;
};

Words WordsOf(const Failure& failure) {
  switch (failure.reason) {
    case Failure::Reason::kBadRequest:
      return {400, "BadRequest"};
    case Failure::Reason::kNotFound:
    case Failure::Reason::kKindNotFound:
      return {404, "NotFound"};
    case Failure::Reason::kAlreadyExists:
      return {409, "AlreadyExists"};
    case Failure::Reason::kConflict:
      return {409, "Conflict"};
    case Failure::Reason::kInvalid:
      return {422, "Invalid"};
    case Failure::Reason::kForbidden:
      return {403, "Forbidden"};
    case Failure::Reason::kExpired:
      return {410, "Expired"};
    case Failure::Reason::kUnsupported:
      return {415, "UnsupportedMediaType"};
    case Failure::Reason::kTooLarge:
      return {413, "RequestEntityTooLarge"};
    case Failure::Reason::kStorage:
      break;
  }
  const auto code = failure.error.code;
  if (code == ErrorCode::kUnavailable) return {503, "ServiceUnavailable"};
  if (code == ErrorCode::kDeadlineExceeded) return {504, "Timeout"};
  if (code == ErrorCode::kResourceExhausted) return {429, "TooManyRequests"};
  if (code == ErrorCode::kConflict) return {409, "Conflict"};
  return {500, "InternalError"};
}

const char* CauseOf(FieldError::Reason reason) {
  switch (reason) {
    case FieldError::Reason::kRequired:
      return "FieldValueRequired";
    case FieldError::Reason::kInvalid:
      return "FieldValueInvalid";
    case FieldError::Reason::kNotSupported:
      return "FieldValueNotSupported";
    case FieldError::Reason::kTooLong:
      return "FieldValueTooLong";
    case FieldError::Reason::kTooMany:
      return "FieldValueTooMany";
    case FieldError::Reason::kDuplicate:
      return "FieldValueDuplicate";
    case FieldError::Reason::kForbidden:
      return "FieldValueForbidden";
    case FieldError::Reason::kTypeInvalid:
      return "FieldValueTypeInvalid";
    case FieldError::Reason::kNotFound:
      return "FieldValueNotFound";
  }
  return "";
}

json::object DetailsOf(const resource::Kind* kind, std::string_view name) {
  json::object details;
  if (!name.empty()) details["name"] = name;
  if (kind == nullptr) return details;
  if (!kind->group.empty()) details["group"] = kind->group;
  details["kind"] = kind->plural;
  return details;
}

}  // namespace

HttpFailure ToHttp(const Failure& failure, const resource::Kind* kind, std::string_view name) {
  const auto words = WordsOf(failure);
  auto details = DetailsOf(kind, name);
  if (!failure.fields.empty()) {
    json::array causes;
    for (const auto& field : failure.fields) {
      causes.push_back(json::object{
          {"reason", CauseOf(field.reason)}, {"message", field.message}, {"field", field.field}});
    }
    details["causes"] = std::move(causes);
  }
  if (words.status == 429 || words.status == 503) details["retryAfterSeconds"] = 1;
  return {words.status,
          {{"kind", "Status"},
           {"apiVersion", "v1"},
           {"metadata", json::object()},
           {"status", "Failure"},
           {"message", failure.message},
           {"reason", words.reason},
           {"details", std::move(details)},
           {"code", words.status}}};
}

json::object Unauthorized() {
  return {{"kind", "Status"},    {"apiVersion", "v1"},        {"metadata", json::object()},
          {"status", "Failure"}, {"message", "Unauthorized"}, {"reason", "Unauthorized"},
          {"code", 401}};
}

json::object Deleted(const resource::Kind& kind, std::string_view name, std::string_view uid) {
  auto details = DetailsOf(&kind, name);
  details["uid"] = uid;
  return {{"kind", "Status"},
          {"apiVersion", "v1"},
          {"metadata", json::object()},
          {"status", "Success"},
          {"details", std::move(details)}};
}

}  // namespace pemba::api::k8s
