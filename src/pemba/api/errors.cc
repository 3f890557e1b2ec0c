#include "pemba/api/errors.h"

#include <algorithm>

#include <openfga/v1/errors_ignore.pb.h>

#include "pemba/api/json_writer.h"

namespace pemba::api {
namespace {

namespace wire = ::openfga::v1;

// A refinement of INVALID_ARGUMENT by the text `invalid <Message>.<Field>: <reason>`.
struct Refinement {
  std::string_view field;
  std::string_view reason_starts;
  wire::ErrorCode code;
};
constexpr Refinement kRefinements[] = {
    {"Assertions", "value must contain no more than", wire::assertions_too_many_items},
    {"Base", "value is required", wire::difference_base_missing_value},
    {"Subtract", "value is required", wire::subtract_base_missing_value},
    {"TupleKey", "value is required", wire::tuple_key_value_not_specified},
    {"PageSize", "value must be inside range", wire::page_size_invalid},
    {"Object", "value length must be at most", wire::object_too_long},
    {"Relation", "value length must be at most", wire::relation_too_long},
    {"Type", "value does not match regex pattern", wire::type_invalid_pattern},
    {"TypeDefinitions", "value must contain at least", wire::type_definitions_too_few_items},
};

wire::ErrorCode RefineInvalidArgument(std::string_view message) {
  constexpr std::string_view kStart = "invalid ";
  if (!message.starts_with(kStart)) return wire::validation_error;
  const auto colon = message.find(": ");
  if (colon == message.npos) return wire::validation_error;
  const auto place = message.substr(kStart.size(), colon - kStart.size());
  const auto reason = message.substr(colon + 2);
  if (std::count(place.begin(), place.end(), '.') != 1) return wire::validation_error;
  const auto field = place.substr(place.find('.') + 1);
  if (field.starts_with("Relations[") && reason.starts_with("value does not match regex pattern")) {
    return wire::relations_invalid_pattern;
  }
  for (const auto& row : kRefinements) {
    if (field == row.field && reason.starts_with(row.reason_starts)) return row.code;
  }
  return wire::validation_error;
}

// Standard gRPC numbers, as the HTTP front knows them. `message` is cleaned up already.
std::uint32_t HttpNumber(std::uint32_t standard, std::string_view message) {
  switch (standard) {
    case grpc_code::kUnauthenticated:
      return wire::unauthenticated;
    case grpc_code::kCancelled:
      return wire::cancelled;
    case grpc_code::kInvalidArgument:
      return RefineInvalidArgument(message);
    case grpc_code::kDeadlineExceeded:
      return wire::deadline_exceeded;
    case grpc_code::kNotFound:
      return wire::undefined_endpoint;
    case grpc_code::kAlreadyExists:
      return wire::already_exists;
    case grpc_code::kResourceExhausted:
      return wire::resource_exhausted;
    case grpc_code::kFailedPrecondition:
      return wire::failed_precondition;
    case grpc_code::kAborted:
      return grpc_code::kAborted;
    case grpc_code::kOutOfRange:
      return wire::out_of_range;
    case grpc_code::kUnimplemented:
      return wire::unimplemented;
    case grpc_code::kUnavailable:
      return wire::unavailable;
    case grpc_code::kDataLoss:
      return wire::data_loss;
    default:
      return wire::internal_error;
  }
}

int HttpStatus(std::uint32_t number) {
  if (number == grpc_code::kAborted) return 409;
  if (number >= 5000) return 404;
  if (number >= 4000) return 500;
  if (number >= 3500) return 422;
  if (number >= 2000) return 400;
  if (number >= 1000) return 401;
  return 500;
}

// The standard gRPC number of the class that an OpenFGA number belongs to.
std::uint32_t ClassOf(std::uint32_t number) {
  if (number >= 5000) return grpc_code::kNotFound;
  if (number >= 4000) return grpc_code::kInternal;
  if (number >= 3500) return grpc_code::kResourceExhausted;
  if (number >= 2000) return grpc_code::kInvalidArgument;
  if (number >= 1000) return grpc_code::kUnauthenticated;
  return number;
}

// What a gateway makes of a standard gRPC number that it knows nothing else about.
int PlainHttpStatus(std::uint32_t standard) {
  switch (standard) {
    case grpc_code::kCancelled:
      return 499;
    case grpc_code::kInvalidArgument:
    case grpc_code::kFailedPrecondition:
    case grpc_code::kOutOfRange:
      return 400;
    case grpc_code::kDeadlineExceeded:
      return 504;
    case grpc_code::kNotFound:
      return 404;
    case grpc_code::kAlreadyExists:
    case grpc_code::kAborted:
      return 409;
    case grpc_code::kPermissionDenied:
      return 403;
    case grpc_code::kUnauthenticated:
      return 401;
    case grpc_code::kResourceExhausted:
      return 429;
    case grpc_code::kUnimplemented:
      return 501;
    case grpc_code::kUnavailable:
      return 503;
    default:
      return 500;
  }
}

void ReplaceAll(std::string& text, std::string_view what, std::string_view with) {
  for (auto at = text.find(what); at != text.npos; at = text.find(what, at + with.size())) {
    text.replace(at, what.size(), with);
  }
}

// Deletes every `rpc error: code = X desc = `.
void DeleteRpcPrefixes(std::string& text) {
  constexpr std::string_view kStart = "rpc error: code = ";
  constexpr std::string_view kEnd = " desc = ";
  for (auto at = text.find(kStart); at != text.npos; at = text.find(kStart, at)) {
    const auto end = text.find(kEnd, at);
    if (end == text.npos) return;
    text.erase(at, end + kEnd.size() - at);
  }
}

std::string_view Trimmed(std::string_view text) {
  constexpr std::string_view kSpaces = " \t\r\n";
  const auto first = text.find_first_not_of(kSpaces);
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(kSpaces) - first + 1);
}

std::string CleanedUp(std::string_view message) {
  constexpr std::string_view kCause = "| caused by:";
  if (const auto at = message.rfind(kCause); at != message.npos) {
    message.remove_prefix(at + kCause.size());
  }
  std::string text(message);
  ReplaceAll(text, "unexpected EOF", "malformed JSON");
  DeleteRpcPrefixes(text);
  std::string_view rest = Trimmed(text);
  if (rest.starts_with("proto:")) rest.remove_prefix(6);
  return std::string(Trimmed(rest));
}

}  // namespace

std::uint32_t WireNumber(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return grpc_code::kInvalidArgument;
    case ErrorCode::kValidation:
      return wire::validation_error;
    case ErrorCode::kInvalidTuple:
      return wire::invalid_tuple;
    case ErrorCode::kInvalidModel:
      return wire::invalid_authorization_model;
    case ErrorCode::kInvalidCheckInput:
      return wire::invalid_check_input;
    case ErrorCode::kInvalidExpandInput:
      return wire::invalid_expand_input;
    case ErrorCode::kEmptyWrite:
      return wire::invalid_write_input;
    case ErrorCode::kDuplicateTupleInRequest:
      return wire::cannot_allow_duplicate_tuples_in_one_request;
    case ErrorCode::kTupleStateMismatch:
      return wire::write_failed_due_to_invalid_input;
    case ErrorCode::kLimitExceeded:
      return wire::exceeded_entity_limit;
    case ErrorCode::kTooComplex:
      return wire::authorization_model_resolution_too_complex;
    case ErrorCode::kModelNotFound:
      return wire::authorization_model_not_found;
    case ErrorCode::kLatestModelNotFound:
      return wire::latest_authorization_model_not_found;
    case ErrorCode::kStoreNotFound:
      return wire::store_id_not_found;
    case ErrorCode::kTypeNotFound:
      return wire::type_not_found;
    case ErrorCode::kRelationNotFound:
      return wire::relation_not_found;
    case ErrorCode::kInvalidContinuationToken:
      return wire::invalid_continuation_token;
    case ErrorCode::kContinuationTokenMismatch:
      return wire::query_string_type_continuation_token_mismatch;
    case ErrorCode::kInvalidStartTime:
      return wire::invalid_start_time;
    case ErrorCode::kConflict:
      return grpc_code::kAborted;
    case ErrorCode::kThrottled:
      return wire::throttled_timeout_error;
    case ErrorCode::kDeadlineExceeded:
      return wire::deadline_exceeded;
    case ErrorCode::kCancelled:
      return wire::cancelled;
    case ErrorCode::kResourceExhausted:
      return grpc_code::kResourceExhausted;
    case ErrorCode::kBearerTokenMissing:
      return wire::bearer_token_missing;
    case ErrorCode::kUnauthenticated:
      return wire::unauthenticated;
    case ErrorCode::kInvalidClaims:
      return wire::invalid_claims;
    case ErrorCode::kForbidden:
      return wire::forbidden;
    case ErrorCode::kUnimplemented:
      return grpc_code::kUnimplemented;
    case ErrorCode::kFailedPrecondition:
      return grpc_code::kFailedPrecondition;
    case ErrorCode::kUnavailable:
      return grpc_code::kUnavailable;
    case ErrorCode::kDataLoss:
      return grpc_code::kDataLoss;
    case ErrorCode::kInternal:
      return wire::internal_error;
  }
  return wire::internal_error;
}

rpc::GrpcStatus ToGrpc(const Error& error) {
  switch (error.code) {
    case ErrorCode::kInternal:
      return {WireNumber(error.code), "Internal Server Error"};
    case ErrorCode::kDataLoss:
      return {WireNumber(error.code), "stored data is corrupt"};
    case ErrorCode::kDeadlineExceeded:
      return {WireNumber(error.code), "Request Deadline Exceeded"};
    case ErrorCode::kCancelled:
      return {WireNumber(error.code), "Request Cancelled"};
    default:
      return {WireNumber(error.code), error.message};
  }
}

std::string HttpError::Body() const {
  std::string body = "{\"code\":";
  AppendJsonString(code, body);
  body += ",\"message\":";
  AppendJsonString(message, body);
  body += "}\n";
  return body;
}

HttpError ToHttp(const rpc::GrpcStatus& status) {
  auto message = CleanedUp(status.message);
  const auto number = status.code >= 1000 ? status.code : HttpNumber(status.code, message);
  return {HttpStatus(number), WireName(number), std::move(message)};
}

StreamError ToStreamError(const rpc::GrpcStatus& status) {
  const auto standard = ClassOf(status.code);
  std::string line = "{\"error\":{\"code\":" + std::to_string(standard) + ",\"message\":";
  AppendJsonString(status.message, line);
  line += ",\"details\":[]}}\n";
  return {PlainHttpStatus(standard), std::move(line)};
}

std::string WireName(std::uint32_t number) {
  if (number == grpc_code::kAborted) return "Aborted";
  for (const auto* numbers :
       {wire::AuthErrorCode_descriptor(), wire::ErrorCode_descriptor(),
        wire::UnprocessableContentErrorCode_descriptor(), wire::InternalErrorCode_descriptor(),
        wire::NotFoundErrorCode_descriptor()}) {
    const auto* value = numbers->FindValueByNumber(static_cast<int>(number));
    if (value != nullptr && number != 0) return value->name();
  }
  return std::to_string(number);
}

}  // namespace pemba::api
