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
    case Failure::Reason::kTooNew:
      return {504, "Timeout"};
    case Failure::Reason::kUnsupported:
      return {415, "UnsupportedMediaType"};
    case Failure::Reason::kNotAcceptable:
      return {406, "NotAcceptable"};
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

// The only conflict about fields is that of two who apply.
const char* CauseOf(const Failure& failure, FieldError::Reason reason) {
  if (failure.reason == Failure::Reason::kConflict) return "FieldManagerConflict";
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

// What `kind` says: the kind of an object, or the resource that is asked for.
enum class Called : std::uint8_t { kKind, kResource };

json::object DetailsOf(const resource::Kind* kind, std::string_view name, Called called) {
  json::object details;
  if (!name.empty()) details["name"] = name;
  if (kind == nullptr) return details;
  if (!kind->group.empty()) details["group"] = kind->group;
  details["kind"] = called == Called::kKind ? kind->name : kind->plural;
  return details;
}

json::object DetailsOf(const Failure& failure, const resource::Kind* kind, std::string_view name) {
  if (failure.reason != Failure::Reason::kInvalid) return DetailsOf(kind, name, Called::kResource);
  // kubectl shows the message of what names no object, and only the causes of what does.
  if (failure.fields.empty()) return {};
  return DetailsOf(kind, name, Called::kKind);
}

}  // namespace

HttpFailure ToHttp(const Failure& failure, const resource::Kind* kind, std::string_view name) {
  const auto words = WordsOf(failure);
  auto details = DetailsOf(failure, kind, name);
  if (!failure.fields.empty()) {
    json::array causes;
    for (const auto& field : failure.fields) {
      causes.push_back(json::object{{"reason", CauseOf(failure, field.reason)},
                                    {"message", field.message},
                                    {"field", field.field}});
    }
    details["causes"] = std::move(causes);
  }
  if (failure.reason == Failure::Reason::kTooNew) {
    details["causes"] = json::array{json::object{{"reason", "ResourceVersionTooLarge"},
                                                 {"message", "Too large resource version"}}};
  }
  if (words.status == 429 || words.status == 503 || failure.reason == Failure::Reason::kTooNew)
    details["retryAfterSeconds"] = 1;
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
  auto details = DetailsOf(&kind, name, Called::kResource);
  details["uid"] = uid;
  return {{"kind", "Status"},
          {"apiVersion", "v1"},
          {"metadata", json::object()},
          {"status", "Success"},
          {"details", std::move(details)}};
}

}  // namespace pemba::api::k8s
