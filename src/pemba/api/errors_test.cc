#include "pemba/api/errors.h"

#include <gtest/gtest.h>

namespace pemba::api {
namespace {

// Every code, so that a new one needs a row: number on gRPC, status and name on HTTP.
struct CodeCase {
  ErrorCode code;
  std::uint32_t number;
  int http_status;
  const char* http_code;
};
constexpr CodeCase kCodes[] = {
    {ErrorCode::kInvalidArgument, 3, 400, "validation_error"},
    {ErrorCode::kValidation, 2000, 400, "validation_error"},
    {ErrorCode::kInvalidTuple, 2027, 400, "invalid_tuple"},
    {ErrorCode::kInvalidModel, 2056, 400, "invalid_authorization_model"},
    {ErrorCode::kInvalidCheckInput, 2009, 400, "invalid_check_input"},
    {ErrorCode::kInvalidExpandInput, 2010, 400, "invalid_expand_input"},
    {ErrorCode::kEmptyWrite, 2003, 400, "invalid_write_input"},
    {ErrorCode::kDuplicateTupleInRequest, 2004, 400,
     "cannot_allow_duplicate_tuples_in_one_request"},
    {ErrorCode::kTupleStateMismatch, 2017, 400, "write_failed_due_to_invalid_input"},
    {ErrorCode::kLimitExceeded, 2053, 400, "exceeded_entity_limit"},
    {ErrorCode::kTooComplex, 2002, 400, "authorization_model_resolution_too_complex"},
    {ErrorCode::kModelNotFound, 2001, 400, "authorization_model_not_found"},
    {ErrorCode::kLatestModelNotFound, 2020, 400, "latest_authorization_model_not_found"},
    {ErrorCode::kStoreNotFound, 5002, 404, "store_id_not_found"},
    {ErrorCode::kTypeNotFound, 2021, 400, "type_not_found"},
    {ErrorCode::kRelationNotFound, 2022, 400, "relation_not_found"},
    {ErrorCode::kInvalidContinuationToken, 2007, 400, "invalid_continuation_token"},
    {ErrorCode::kContinuationTokenMismatch, 2052, 400,
     "query_string_type_continuation_token_mismatch"},
    {ErrorCode::kInvalidStartTime, 2059, 400, "invalid_start_time"},
    {ErrorCode::kConflict, 10, 409, "Aborted"},
    {ErrorCode::kThrottled, 3500, 422, "throttled_timeout_error"},
    {ErrorCode::kDeadlineExceeded, 4004, 500, "deadline_exceeded"},
    {ErrorCode::kCancelled, 2058, 400, "cancelled"},
    {ErrorCode::kResourceExhausted, 8, 500, "resource_exhausted"},
    {ErrorCode::kUnauthenticated, 1500, 401, "unauthenticated"},
    {ErrorCode::kForbidden, 1600, 401, "forbidden"},
    {ErrorCode::kUnimplemented, 12, 404, "unimplemented"},
    {ErrorCode::kFailedPrecondition, 9, 500, "failed_precondition"},
    {ErrorCode::kUnavailable, 14, 500, "unavailable"},
    {ErrorCode::kDataLoss, 15, 500, "data_loss"},
    {ErrorCode::kInternal, 4000, 500, "internal_error"},
};

TEST(Errors, EveryCodeHasItsNumberStatusAndName) {
  for (const auto& c : kCodes) {
    SCOPED_TRACE(c.http_code);
    EXPECT_EQ(ToGrpc({c.code, "why"}).code, c.number);
    const auto http = ToHttp(Error{c.code, "why"});
    EXPECT_EQ(http.status, c.http_status);
    EXPECT_EQ(http.code, c.http_code);
  }
}

TEST(Errors, InternalCausesStayInside) {
  EXPECT_EQ(ToGrpc({ErrorCode::kInternal, "segment 7 at /var/lib"}).message,
            "Internal Server Error");
  EXPECT_EQ(ToGrpc({ErrorCode::kDataLoss, "segment 7 at /var/lib"}).message,
            "stored data is corrupt");
  EXPECT_EQ(ToGrpc({ErrorCode::kDeadlineExceeded, ""}).message, "Request Deadline Exceeded");
  EXPECT_EQ(ToGrpc({ErrorCode::kCancelled, ""}).message, "Request Cancelled");
}

struct StandardCase {
  std::uint32_t code;
  int http_status;
  const char* http_code;
};
constexpr StandardCase kStandard[] = {
    {1, 400, "cancelled"},
    {2, 500, "internal_error"},
    {4, 500, "deadline_exceeded"},
    {5, 404, "undefined_endpoint"},
    {6, 500, "already_exists"},
    {7, 500, "internal_error"},
    {8, 500, "resource_exhausted"},
    {9, 500, "failed_precondition"},
    {10, 409, "Aborted"},
    {11, 500, "out_of_range"},
    {12, 404, "unimplemented"},
    {13, 500, "internal_error"},
    {14, 500, "unavailable"},
    {15, 500, "data_loss"},
    {16, 401, "unauthenticated"},
    {17, 500, "internal_error"},
    {1004, 401, "invalid_claims"},
    {1010, 401, "bearer_token_missing"},
    {2999, 400, "2999"},
    {4005, 500, "already_exists"},
};
TEST(Errors, StandardNumbersOnHttp) {
  for (const auto& c : kStandard) {
    const auto http = ToHttp(rpc::GrpcStatus{c.code, "why"});
    EXPECT_EQ(http.status, c.http_status) << c.code;
    EXPECT_EQ(http.code, c.http_code) << c.code;
  }
}

struct RefinementCase {
  const char* message;
  const char* http_code;
};
constexpr RefinementCase kRefinements[] = {
    {"invalid WriteAssertionsRequest.Assertions: value must contain no more than 100 item(s)",
     "assertions_too_many_items"},
    {"invalid Difference.Base: value is required", "difference_base_missing_value"},
    {"invalid Difference.Subtract: value is required", "subtract_base_missing_value"},
    {"invalid CheckRequest.TupleKey: value is required", "tuple_key_value_not_specified"},
    {"invalid ReadRequest.PageSize: value must be inside range [1, 100]", "page_size_invalid"},
    {"invalid ReadChangesRequest.PageSize: value must be greater than or equal to 1",
     "validation_error"},
    {"invalid ObjectRelation.Object: value length must be at most 256 bytes", "object_too_long"},
    {"invalid ObjectRelation.Relation: value length must be at most 50 bytes", "relation_too_long"},
    {"invalid ListObjectsRequest.Type: value does not match regex pattern \"x\"",
     "type_invalid_pattern"},
    {"invalid WriteAuthorizationModelRequest.TypeDefinitions: value must contain at least 1 "
     "item(s)",
     "type_definitions_too_few_items"},
    {"invalid TypeDefinition.Relations[a@]: value does not match regex pattern \"x\"",
     "relations_invalid_pattern"},
    {"invalid TypeDefinition.Relations[a.@]: value does not match regex pattern \"x\"",
     "validation_error"},
    {"invalid CheckRequest.StoreId: value does not match regex pattern \"x\"", "validation_error"},
    {"something else", "validation_error"},
    {"invalid A.B: embedded message failed validation | caused by: invalid Difference.Base: value "
     "is required",
     "difference_base_missing_value"},
};
TEST(Errors, FieldRulesAreRefinedOnHttp) {
  for (const auto& c : kRefinements) {
    const auto http = ToHttp(Error{ErrorCode::kInvalidArgument, c.message});
    EXPECT_EQ(http.code, c.http_code) << c.message;
    EXPECT_EQ(http.status, 400);
  }
}

struct TextCase {
  const char* message;
  const char* want;
};
constexpr TextCase kTexts[] = {
    {"plain", "plain"},
    {"invalid A.B: x | caused by: invalid C.D: y | caused by: invalid E.F: z", "invalid E.F: z"},
    {"proto: (line 1:2): bad", "(line 1:2): bad"},
    {"unexpected EOF", "malformed JSON"},
    {"rpc error: code = Unknown desc = rpc error: code = Internal desc = x", "x"},
    {" spaces ", "spaces"},
};
TEST(Errors, MessagesAreCleanedUpOnHttp) {
  for (const auto& c : kTexts) {
    EXPECT_EQ(ToHttp(Error{ErrorCode::kValidation, c.message}).message, c.want);
  }
}

TEST(Errors, BodyIsOneLineOfJson) {
  EXPECT_EQ(ToHttp(Error{ErrorCode::kValidation, "a \"b\" <c>"}).Body(),
            "{\"code\":\"validation_error\",\"message\":\"a \\\"b\\\" <c>\"}\n");
}

struct StreamCase {
  std::uint32_t code;
  int http_status;
  std::uint32_t standard;
};
constexpr StreamCase kStreams[] = {
    {3, 400, 3},     {10, 409, 10},   {12, 501, 12},   {14, 503, 14},
    {1010, 401, 16}, {1600, 401, 16}, {2001, 400, 3},  {2021, 400, 3},
    {3500, 429, 8},  {4000, 500, 13}, {4004, 500, 13}, {5002, 404, 5},
};
TEST(Errors, StreamsTellTheClassOfANumber) {
  for (const auto& c : kStreams) {
    const auto error = ToStreamError({c.code, "a \"b\""});
    EXPECT_EQ(error.http_status, c.http_status) << c.code;
    EXPECT_EQ(error.line, "{\"error\":{\"code\":" + std::to_string(c.standard) +
                              ",\"message\":\"a \\\"b\\\"\",\"details\":[]}}\n")
        << c.code;
  }
}

}  // namespace
}  // namespace pemba::api
