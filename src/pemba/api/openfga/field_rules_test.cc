#include "pemba/api/field_rules.h"

#include <set>
#include <string>
#include <string_view>
#include <utility>

#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/dynamic_message.h>
#include <gtest/gtest.h>
#include <openfga/v1/openfga_service.pb.h>

#include "pemba/api/json_reader.h"
#include "pemba/api/openfga/field_rules_table.h"
#include "pemba/api/openfga/plain_check.h"

namespace pemba::api::openfga {
namespace {

namespace pb = google::protobuf;

constexpr auto kNow = WallTime(std::chrono::seconds(1'700'000'000));

#define PEMBA_ULID "01HVMMBCMGZNT3SED4Z17ECXCA"

// A request as JSON, and the first violation; empty: none.
struct RuleCase {
  const char* message;
  std::string json;
  std::string_view want;
};

std::string Repeat(std::size_t count, const std::string& item) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) out += (i > 0 ? "," : "") + item;
  return out;
}
std::string Pairs(std::size_t count, const std::string& value) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) {
    out += (i > 0 ? ",\"k" : "\"k") + std::to_string(i) + "\":" + value;
  }
  return out;
}
// `extra` beside a good store id.
std::string With(const std::string& extra) {
  return R"({"store_id":")" PEMBA_ULID R"(",)" + extra + "}";
}

const std::string kKey = R"("tuple_key":{"user":"user:a","relation":"r","object":"doc:1"})";
const std::string kUlidText =
    R"(value does not match regex pattern "^[ABCDEFGHJKMNPQRSTVWXYZ0-9]{26}$")";

const RuleCase kCases[] =
    {
        {"CreateStoreRequest", R"({"name":"abc"})", ""},
        {"CreateStoreRequest", R"({"name":"ab"})",
         R"(invalid CreateStoreRequest.Name: value does not match regex pattern "^[a-zA-Z0-9\\s\\.\\-\\/^_&@]{3,64}$")"},
        {"UpdateStoreRequest", R"({"name":"abc"})",
         R"(invalid UpdateStoreRequest.StoreId: value does not match regex pattern "^[ABCDEFGHJKMNPQRSTVWXYZ0-9]{26}$")"},
        {"UpdateStoreRequest", With(R"("name":"a")"),
         R"(invalid UpdateStoreRequest.Name: value does not match regex pattern "^[a-zA-Z0-9\\s\\.\\-\\/^_&@]{3,64}$")"},
        {"GetStoreRequest", R"({"store_id":"x"})",
         R"(invalid GetStoreRequest.StoreId: value does not match regex pattern "^[ABCDEFGHJKMNPQRSTVWXYZ0-9]{26}$")"},
        {"DeleteStoreRequest", "{}",
         R"(invalid DeleteStoreRequest.StoreId: value does not match regex pattern "^[ABCDEFGHJKMNPQRSTVWXYZ0-9]{26}$")"},
        {"ListStoresRequest", R"({"page_size":100})", ""},
        {"ListStoresRequest", R"({"page_size":0})",
         "invalid ListStoresRequest.PageSize: value must be inside range [1, 100]"},
        {"ListStoresRequest", R"({"continuation_token":"*"})",
         R"(invalid ListStoresRequest.ContinuationToken: value does not match regex pattern "^$|^[A-Za-z0-9-_]+={0,2}$")"},
        {"ListStoresRequest", R"({"continuation_token":")" + std::string(5121, 'a') + "\"}",
         "invalid ListStoresRequest.ContinuationToken: value length must be at most 5120 bytes"},
        {"ListStoresRequest", R"({"name":""})", ""},
        {"ListStoresRequest", R"({"name":"!"})",
         R"(invalid ListStoresRequest.Name: value does not match regex pattern "^[a-zA-Z0-9\\s\\.\\-\\/^_&@]{3,64}$")"},

        {"TupleKey", "{}", ""},
        {"TupleKey", R"({"user":")" + std::string(513, 'a') + "\"}",
         "invalid TupleKey.User: value length must be at most 512 bytes"},
        {"TupleKey", R"({"relation":"a b"})",
         R"(invalid TupleKey.Relation: value does not match regex pattern "^[^:#@\\s]{1,50}$")"},
        {"TupleKey", R"({"object":"a"})",
         R"(invalid TupleKey.Object: value does not match regex pattern "^[^\\s]{2,256}$")"},
        {"TupleKeyWithoutCondition", R"({"user":")" + std::string(513, 'a') + "\"}",
         "invalid TupleKeyWithoutCondition.User: value length must be at most 512 bytes"},
        {"TupleKeyWithoutCondition", R"({"relation":"a:b"})",
         R"(invalid TupleKeyWithoutCondition.Relation: value does not match regex pattern "^[^:#@\\s]{1,50}$")"},
        {"TupleKeyWithoutCondition", R"({"object":"a"})",
         R"(invalid TupleKeyWithoutCondition.Object: value does not match regex pattern "^[^\\s]{2,256}$")"},
        {"RelationshipCondition", R"({"name":"c"})",
         R"(invalid RelationshipCondition.Name: value does not match regex pattern "^[^\\s]{2,256}$")"},
        {"TupleKeys", "{}", "invalid TupleKeys.TupleKeys: value must contain at least 1 item(s)"},
        {"ContextualTupleKeys", R"({"tuple_keys":[)" + Repeat(100, "{}") + "]}", ""},
        {"ContextualTupleKeys", R"({"tuple_keys":[)" + Repeat(101, "{}") + "]}",
         "invalid ContextualTupleKeys.TupleKeys: value must contain no more than 100 item(s)"},
        {"ReadRequestTupleKey", "{}", ""},
        {"ReadRequestTupleKey", R"({"user":"anne"})",
         R"(invalid ReadRequestTupleKey.User: value does not match regex pattern "^[^\\s]{1,511}:[^\\s]{1,511}$")"},
        {"ReadRequestTupleKey", R"({"user":"a:)" + std::string(511, 'a') + "\"}",
         "invalid ReadRequestTupleKey.User: value length must be at most 512 bytes"},
        {"ReadRequestTupleKey", R"({"relation":"#"})",
         R"(invalid ReadRequestTupleKey.Relation: value does not match regex pattern "^[^:#@\\s]{1,50}$")"},
        {"ReadRequestTupleKey", R"({"object":" a"})",
         R"(invalid ReadRequestTupleKey.Object: value does not match regex pattern "^[^\\s]{2,256}$")"},
        {"CheckRequestTupleKey", "{}",
         R"(invalid CheckRequestTupleKey.User: value does not match regex pattern "^[^\\s]{2,512}$")"},
        {"CheckRequestTupleKey", R"({"user":"user:a"})",
         R"(invalid CheckRequestTupleKey.Relation: value does not match regex pattern "^[^:#@\\s]{1,50}$")"},
        {"CheckRequestTupleKey", R"({"user":"user:a","relation":"r"})",
         R"(invalid CheckRequestTupleKey.Object: value does not match regex pattern "^[^\\s]{2,256}$")"},
        {"ExpandRequestTupleKey", R"({"relation":"@"})",
         R"(invalid ExpandRequestTupleKey.Relation: value does not match regex pattern "^[^:#@\\s]{1,50}$")"},
        {"ExpandRequestTupleKey", R"({"object":"a"})",
         R"(invalid ExpandRequestTupleKey.Object: value does not match regex pattern "^[^\\s]{2,256}$")"},
        {"AssertionTupleKey", "{}",
         R"(invalid AssertionTupleKey.Object: value does not match regex pattern "^[^\\s]{2,256}$")"},
        {"AssertionTupleKey", R"({"object":"doc:1"})",
         R"(invalid AssertionTupleKey.Relation: value does not match regex pattern "^[^:#@\\s]{1,50}$")"},
        {"AssertionTupleKey", R"({"object":"doc:1","relation":"r"})",
         R"(invalid AssertionTupleKey.User: value does not match regex pattern "^[^\\s]{2,512}$")"},

        {"ReadRequest", With(R"("page_size":101)"),
         "invalid ReadRequest.PageSize: value must be inside range [1, 100]"},
        {"ReadRequest", "{}",
         R"(invalid ReadRequest.StoreId: value does not match regex pattern "^[ABCDEFGHJKMNPQRSTVWXYZ0-9]{26}$")"},
        {"ReadRequest", With(R"("continuation_token":"=")"),
         R"(invalid ReadRequest.ContinuationToken: value does not match regex pattern "^$|^[A-Za-z0-9-_]+={0,2}$")"},
        {"ReadRequest", With(R"("continuation_token":")" + std::string(5121, 'a') + "\""),
         "invalid ReadRequest.ContinuationToken: value length must be at most 5120 bytes"},
        {"ReadRequest", With(R"("consistency":7)"),
         "invalid ReadRequest.Consistency: value must be one of the defined enum values"},
        {"WriteRequest", With(R"("authorization_model_id":"x")"),
         R"(invalid WriteRequest.AuthorizationModelId: value does not match regex pattern "^[ABCDEFGHJKMNPQRSTVWXYZ0-9]{26}$")"},
        {"WriteRequest", "{}",
         R"(invalid WriteRequest.StoreId: value does not match regex pattern "^[ABCDEFGHJKMNPQRSTVWXYZ0-9]{26}$")"},
        {"WriteRequest", With(R"("writes":{})"),
         "invalid WriteRequest.Writes: embedded message failed validation | caused by: "
         "invalid WriteRequestWrites.TupleKeys: value must contain at least 1 item(s)"},
        {"WriteRequest", With(R"("deletes":{})"),
         "invalid WriteRequest.Deletes: embedded message failed validation | caused by: "
         "invalid WriteRequestDeletes.TupleKeys: value must contain at least 1 item(s)"},
        {"WriteRequest", With(R"("writes":{"tuple_keys":[{},{"condition":{}}]})"),
         "invalid WriteRequest.Writes: embedded message failed validation | caused by: "
         "invalid WriteRequestWrites.TupleKeys[1]: embedded message failed validation | caused by: "
         "invalid TupleKey.Condition: embedded message failed validation | caused by: "
         R"(invalid RelationshipCondition.Name: value does not match regex pattern "^[^\\s]{2,256}$")"},
        {"ReadChangesRequest", With(R"("type":"a@b","page_size":1)"), ""},
        {"ReadChangesRequest", "{}",
         R"(invalid ReadChangesRequest.StoreId: value does not match regex pattern "^[ABCDEFGHJKMNPQRSTVWXYZ0-9]{26}$")"},
        {"ReadChangesRequest", With(R"("type":"a:b")"),
         R"(invalid ReadChangesRequest.Type: value does not match regex pattern "^[^:#\\s]{1,254}$")"},
        {"ReadChangesRequest", With(R"("page_size":0)"),
         "invalid ReadChangesRequest.PageSize: value must be greater than or equal to 1"},
        {"ReadChangesRequest", With(R"("continuation_token":"*")"),
         R"(invalid ReadChangesRequest.ContinuationToken: value does not match regex pattern "^$|^[A-Za-z0-9-_]+={0,2}$")"},
        {"ReadChangesRequest", With(R"("continuation_token":")" + std::string(5121, 'a') + "\""),
         "invalid ReadChangesRequest.ContinuationToken: value length must be at most 5120 bytes"},
        {"ReadChangesRequest", With(R"("start_time":"2023-11-14T22:13:19Z")"), ""},
        {"ReadChangesRequest", With(R"("start_time":"2023-11-14T22:13:20Z")"),
         "invalid ReadChangesRequest.StartTime: value must be less than now"},

        {"WriteTuplesRequest", "{}",
         R"(invalid WriteTuplesRequest.StoreId: value does not match regex pattern "^[ABCDEFGHJKMNPQRSTVWXYZ0-9]{26}$")"},
        {"WriteTuplesRequest", With(R"("authorization_model_id":"1")"),
         R"(invalid WriteTuplesRequest.AuthorizationModelId: value does not match regex pattern "^[ABCDEFGHJKMNPQRSTVWXYZ0-9]{26}$")"},
        {"WriteTuplesRequest", With(R"("writes":[{}])"),
         R"(invalid WriteTuplesRequest.Writes[0]: embedded message failed validation | caused by: invalid TupleWrite.TupleKey: value is required)"},
        {"WriteTuplesRequest", With(R"("delete_filters":[{"limit":1}])"),
         R"(invalid WriteTuplesRequest.DeleteFilters[0]: embedded message failed validation | caused by: invalid FilteredDelete.Filter: value is required)"},
        {"WriteTuplesRequest", With(R"("replacements":[{"relation":"r"}])"),
         R"(invalid WriteTuplesRequest.Replacements[0]: embedded message failed validation | caused by: invalid RelationReplacement.Object: value does not match regex pattern "^[^\\s]{2,256}$")"},
        {"WriteTuplesRequest", With(R"("replacements":[{"object":"doc:1"}])"),
         R"(invalid WriteTuplesRequest.Replacements[0]: embedded message failed validation | caused by: invalid RelationReplacement.Relation: value does not match regex pattern "^[^:#@\\s]{1,50}$")"},
        {"WriteTuplesRequest",
         With(R"("replacements":[{"object":"doc:1","relation":"r","users":[{}]}])"),
         R"(invalid WriteTuplesRequest.Replacements[0]: embedded message failed validation | caused by: invalid RelationReplacement.Users[0]: embedded message failed validation | caused by: invalid ReplacementUser.User: value length must be between 1 and 512 bytes, inclusive)"},
        {"WriteTuplesRequest",
         With(R"("replacements":[{"object":"doc:1","relation":"r","users":[]}])"), ""},
        {"ReadTuplesRequest", "{}",
         R"(invalid ReadTuplesRequest.StoreId: value does not match regex pattern "^[ABCDEFGHJKMNPQRSTVWXYZ0-9]{26}$")"},
        {"ReadTuplesRequest", With(R"("page_size":1001)"),
         R"(invalid ReadTuplesRequest.PageSize: value must be inside range [1, 1000])"},
        {"ReadTuplesRequest", With(R"("continuation_token":"*")"),
         R"(invalid ReadTuplesRequest.ContinuationToken: value does not match regex pattern "^$|^[A-Za-z0-9-_]+={0,2}$")"},
        {"ReadTuplesRequest", With(R"("continuation_token":")" + std::string(5121, 'a') + "\""),
         "invalid ReadTuplesRequest.ContinuationToken: value length must be at most 5120 bytes"},
        {"ReadTuplesRequest", With(R"("filter":{"object_type":"a b"})"),
         R"(invalid ReadTuplesRequest.Filter: embedded message failed validation | caused by: invalid TupleFilter.ObjectType: value does not match regex pattern "^[^:#@\\s]{1,254}$")"},
        {"ReadTuplesRequest", With(R"("filter":{"relation":"a b"})"),
         R"(invalid ReadTuplesRequest.Filter: embedded message failed validation | caused by: invalid TupleFilter.Relation: value does not match regex pattern "^[^:#@\\s]{1,50}$")"},
        {"ReadTuplesRequest", With(R"("filter":{"user_type":"a b"})"),
         R"(invalid ReadTuplesRequest.Filter: embedded message failed validation | caused by: invalid TupleFilter.UserType: value does not match regex pattern "^[^:#@\\s]{1,254}$")"},
        {"ReadTuplesRequest", With(R"("filter":{"user_relation":"a b"})"),
         R"(invalid ReadTuplesRequest.Filter: embedded message failed validation | caused by: invalid TupleFilter.UserRelation: value does not match regex pattern "^[^:#@\\s]{1,50}$")"},
        {"ReadTuplesRequest", With(R"("filter":{"object_id":")" + std::string(257, 'a') + "\"}"),
         "invalid ReadTuplesRequest.Filter: embedded message failed validation | caused by: "
         "invalid TupleFilter.ObjectId: value length must be at most 256 bytes"},
        {"ReadTuplesRequest", With(R"("filter":{"user_id":")" + std::string(513, 'a') + "\"}"),
         "invalid ReadTuplesRequest.Filter: embedded message failed validation | caused by: "
         "invalid TupleFilter.UserId: value length must be at most 512 bytes"},
        {"ReadTuplesRequest", With(R"("filter":{"user_relation":""},"page_size":1000)"), ""},
        {"WatchRequest", With(R"("type":"doc","after_revision":"7","heartbeat_seconds":600)"), ""},
        {"WatchRequest", "{}",
         R"(invalid WatchRequest.StoreId: value does not match regex pattern "^[ABCDEFGHJKMNPQRSTVWXYZ0-9]{26}$")"},
        {"WatchRequest", With(R"("type":"a:b")"),
         R"(invalid WatchRequest.Type: value does not match regex pattern "^[^:#\\s]{1,254}$")"},
        {"WatchRequest", With(R"("continuation_token":"*")"),
         R"(invalid WatchRequest.ContinuationToken: value does not match regex pattern "^$|^[A-Za-z0-9-_]+={0,2}$")"},
        {"WatchRequest", With(R"("continuation_token":")" + std::string(5121, 'a') + "\""),
         "invalid WatchRequest.ContinuationToken: value length must be at most 5120 bytes"},
        {"WatchRequest", With(R"("heartbeat_seconds":0)"),
         "invalid WatchRequest.HeartbeatSeconds: value must be inside range [1, 600]"},

        {"CheckRequest", With(kKey), ""},
        {"CheckRequest", "{" + kKey + "}",
         R"(invalid CheckRequest.StoreId: value does not match regex pattern "^[ABCDEFGHJKMNPQRSTVWXYZ0-9]{26}$")"},
        {"CheckRequest", With(R"("trace":true)"),
         "invalid CheckRequest.TupleKey: value is required"},
        {"CheckRequest", With(R"("tuple_key":{})"),
         "invalid CheckRequest.TupleKey: embedded message failed validation | caused by: "
         R"(invalid CheckRequestTupleKey.User: value does not match regex pattern "^[^\\s]{2,512}$")"},
        {"CheckRequest", With(kKey + R"(,"authorization_model_id":"1")"),
         R"(invalid CheckRequest.AuthorizationModelId: value does not match regex pattern "^[ABCDEFGHJKMNPQRSTVWXYZ0-9]{26}$")"},
        {"CheckRequest", With(kKey + R"(,"consistency":1)"),
         "invalid CheckRequest.Consistency: value must be one of the defined enum values"},
        {"ExplainRequest", With(kKey), ""},
        {"ExplainRequest", "{" + kKey + "}",
         R"(invalid ExplainRequest.StoreId: value does not match regex pattern "^[ABCDEFGHJKMNPQRSTVWXYZ0-9]{26}$")"},
        {"ExplainRequest", With(R"("context":{})"),
         "invalid ExplainRequest.TupleKey: value is required"},
        {"ExplainRequest", With(kKey + R"(,"authorization_model_id":"1")"),
         R"(invalid ExplainRequest.AuthorizationModelId: value does not match regex pattern "^[ABCDEFGHJKMNPQRSTVWXYZ0-9]{26}$")"},
        {"ExplainRequest", With(kKey + R"(,"consistency":1)"),
         "invalid ExplainRequest.Consistency: value must be one of the defined enum values"},
        {"BatchCheckRequest", "{}",
         R"(invalid BatchCheckRequest.StoreId: value does not match regex pattern "^[ABCDEFGHJKMNPQRSTVWXYZ0-9]{26}$")"},
        {"BatchCheckRequest", With(R"("checks":[])"),
         "invalid BatchCheckRequest.Checks: value must contain at least 1 item(s)"},
        {"BatchCheckRequest", With(R"("checks":[{"correlation_id":"a"}])"),
         "invalid BatchCheckRequest.Checks[0]: embedded message failed validation | caused by: "
         "invalid BatchCheckItem.TupleKey: value is required"},
        {"BatchCheckRequest", With(R"("checks":[{)" + kKey + R"(,"correlation_id":"a b"}])"),
         "invalid BatchCheckRequest.Checks[0]: embedded message failed validation | caused by: "
         R"(invalid BatchCheckItem.CorrelationId: value does not match regex pattern "^[\\w\\d-]{1,36}$")"},
        {"BatchCheckRequest",
         With(R"("checks":[{)" + kKey + R"(,"correlation_id":"a"}],"authorization_model_id":"1")"), R"(invalid BatchCheckRequest.AuthorizationModelId: value does not match regex pattern "^[ABCDEFGHJKMNPQRSTVWXYZ0-9]{26}$")"},
        {"BatchCheckRequest",
         With(R"("checks":[{)" + kKey + R"(,"correlation_id":"a"}],"consistency":1)"),
         "invalid BatchCheckRequest.Consistency: value must be one of the defined enum values"},
        {"ExpandRequest", "{}",
         R"(invalid ExpandRequest.StoreId: value does not match regex pattern "^[ABCDEFGHJKMNPQRSTVWXYZ0-9]{26}$")"},
        {"ExpandRequest", With(R"("consistency":0)"),
         "invalid ExpandRequest.TupleKey: value is required"},
        {"ExpandRequest", With(R"("tuple_key":{},"authorization_model_id":"1")"),
         R"(invalid ExpandRequest.AuthorizationModelId: value does not match regex pattern "^[ABCDEFGHJKMNPQRSTVWXYZ0-9]{26}$")"},
        {"ExpandRequest", With(R"("tuple_key":{},"consistency":1)"),
         "invalid ExpandRequest.Consistency: value must be one of the defined enum values"},
        {"UsersetUser", "{}",
         R"(invalid UsersetUser.Type: value does not match regex pattern "^[^:#@\\s]{1,254}$")"},
        {"UsersetUser", R"({"type":"t"})",
         R"(invalid UsersetUser.Id: value does not match regex pattern "[^#:\\s]+$")"},
        {"UsersetUser", R"({"type":"t","id":"i","relation":":"})",
         R"(invalid UsersetUser.Relation: value does not match regex pattern "^[^:#@\\s]{1,50}$")"},
        {"TypedWildcard", "{}",
         R"(invalid TypedWildcard.Type: value does not match regex pattern "^[^:#@\\s]{1,254}$")"},
        {"ListUsersRequest", "{}",
         R"(invalid ListUsersRequest.StoreId: value does not match regex pattern "^[ABCDEFGHJKMNPQRSTVWXYZ0-9]{26}$")"},
        {"ListUsersRequest", With(R"("authorization_model_id":"1")"),
         R"(invalid ListUsersRequest.AuthorizationModelId: value does not match regex pattern "^[ABCDEFGHJKMNPQRSTVWXYZ0-9]{26}$")"},
        {"ListUsersRequest", With(R"("relation":"r")"),
         "invalid ListUsersRequest.Object: value is required"},
        {"ListUsersRequest", With(R"("object":{"id":"1"})"),
         "invalid ListUsersRequest.Object: embedded message failed validation | caused by: "
         R"(invalid Object.Type: value does not match regex pattern "^[^:#@\\s]{1,254}$")"},
        {"ListUsersRequest", With(R"("object":{"type":"doc","id":"a:"})"),
         "invalid ListUsersRequest.Object: embedded message failed validation | caused by: "
         R"(invalid Object.Id: value does not match regex pattern "[^#:\\s]+$")"},
        {"ListUsersRequest", With(R"("object":{"type":"doc","id":"1"})"),
         R"(invalid ListUsersRequest.Relation: value does not match regex pattern "^[^:#@\\s]{1,50}$")"},
        {"ListUsersRequest", With(R"("object":{"type":"doc","id":"1"},"relation":"r")"),
         "invalid ListUsersRequest.UserFilters: value must contain exactly 1 item(s)"},
        {"ListUsersRequest",
         With(R"("object":{"type":"doc","id":"1"},"relation":"r","user_filters":[{}])"),
         "invalid ListUsersRequest.UserFilters[0]: embedded message failed validation | caused by: "
         R"(invalid UserTypeFilter.Type: value does not match regex pattern "^[^:#@\\s]{1,254}$")"},
        {"ListUsersRequest",
         With(R"("object":{"type":"doc","id":"1"},"relation":"r",)"
              R"("user_filters":[{"type":"user","relation":"#"}])"),
         "invalid ListUsersRequest.UserFilters[0]: embedded message failed validation | caused by: "
         R"(invalid UserTypeFilter.Relation: value does not match regex pattern "^[^:#@\\s]{1,50}$")"},
        {"ListUsersRequest",
         With(R"("object":{"type":"doc","id":"1"},"relation":"r","user_filters":[{"type":"user"}],)"
              R"("contextual_tuples":[)" +
              Repeat(101, "{}") + "]"),
         "invalid ListUsersRequest.ContextualTuples: value must contain no more than 100 item(s)"},
        {"ListUsersRequest",
         With(R"("object":{"type":"doc","id":"1"},"relation":"r","user_filters":[{"type":"user"}],)"
              R"("consistency":3)"),
         "invalid ListUsersRequest.Consistency: value must be one of the defined enum values"},

        {"AuthorizationModel", "{}",
         R"(invalid AuthorizationModel.Id: value does not match regex pattern "^[ABCDEFGHJKMNPQRSTVWXYZ0-9]{26}$")"},
        {"AuthorizationModel",
         R"({"id":")" PEMBA_ULID R"(","conditions":{)" + Pairs(26, R"({"name":"c"})") + "}}",
         "invalid AuthorizationModel.Conditions: value must contain no more than 25 pair(s)"},
        {"AuthorizationModel", R"({"id":")" PEMBA_ULID R"(","conditions":{"a b":{"name":"c"}}})",
         R"(invalid AuthorizationModel.Conditions[a b]: value does not match regex pattern "^[^:#@\\s]{1,50}$")"},
        {"TypeDefinition", "{}",
         R"(invalid TypeDefinition.Type: value does not match regex pattern "^[^:#@\\s]{1,254}$")"},
        {"TypeDefinition", R"({"type":"t","relations":{"b#":{},"a#":{}}})",
         R"(invalid TypeDefinition.Relations[a#]: value does not match regex pattern "^[^:#@\\s]{1,50}$")"},
        {"TypeDefinition", R"({"type":"t","relations":{"a":{"difference":{}},"b#":{}}})",
         "invalid TypeDefinition.Relations[a]: embedded message failed validation | caused by: "
         "invalid Userset.Difference: embedded message failed validation | caused by: "
         "invalid Difference.Base: value is required"},
        {"Difference", R"({"base":{}})", "invalid Difference.Subtract: value is required"},
        {"Metadata", R"({"module":"a b"})",
         R"(invalid Metadata.Module: value does not match regex pattern "^[^:#@\\s]{1,50}$")"},
        {"RelationMetadata", R"({"module":"a b"})",
         R"(invalid RelationMetadata.Module: value does not match regex pattern "^[^:#@\\s]{1,50}$")"},
        {"ConditionMetadata", R"({"module":"a b"})",
         R"(invalid ConditionMetadata.Module: value does not match regex pattern "^[^:#@\\s]{1,50}$")"},
        {"SourceInfo", R"({"file":""})", ""},
        {"SourceInfo", R"({"file":"a.txt"})",
         R"(invalid SourceInfo.File: value does not match regex pattern "^[a-zA-Z0-9_\\-\\/]{1,100}\\.fga$")"},
        {"RelationReference", "{}",
         R"(invalid RelationReference.Type: value does not match regex pattern "^[^:#@\\s]{1,254}$")"},
        {"RelationReference", R"({"type":"t","relation":""})", ""},
        {"RelationReference", R"({"type":"t","relation":"#"})",
         R"(invalid RelationReference.Relation: value does not match regex pattern "^[^:#@\\s]{1,50}$")"},
        {"RelationReference", R"({"type":"t","condition":"#"})",
         R"(invalid RelationReference.Condition: value does not match regex pattern "^[^:#@\\s]{1,50}$")"},
        {"ObjectRelation", R"({"object":")" + std::string(257, 'o') + "\"}",
         "invalid ObjectRelation.Object: value length must be at most 256 bytes"},
        {"ObjectRelation", R"({"relation":")" + std::string(51, 'r') + "\"}",
         "invalid ObjectRelation.Relation: value length must be at most 50 bytes"},
        {"TupleToUserset", "{}", "invalid TupleToUserset.Tupleset: value is required"},
        {"TupleToUserset", R"({"tupleset":{}})",
         "invalid TupleToUserset.ComputedUserset: value is required"},
        {"Condition", "{}",
         R"(invalid Condition.Name: value does not match regex pattern "^[^:#@\\s]{1,50}$")"},
        {"Condition", R"({"name":"c","expression":")" + std::string(513, 'x') + "\"}",
         "invalid Condition.Expression: value length must be at most 512 bytes"},
        {"Condition", R"({"name":"c","parameters":{)" + Pairs(26, "{}") + "}}",
         "invalid Condition.Parameters: value must contain no more than 25 pair(s)"},
        {"Condition", R"({"name":"c","parameters":{"":{}}})",
         R"(invalid Condition.Parameters[]: value does not match regex pattern "^[^:#@\\s]{1,50}$")"},
        {"ConditionParamTypeRef", R"({"type_name":12})",
         "invalid ConditionParamTypeRef.TypeName: value must be one of the defined enum values"},
        {"ConditionParamTypeRef", R"({"generic_types":[)" + Repeat(6, "{}") + "]}",
         "invalid ConditionParamTypeRef.GenericTypes: value must contain no more than 5 item(s)"},
        {"WriteAuthorizationModelRequest", "{}",
         R"(invalid WriteAuthorizationModelRequest.StoreId: value does not match regex pattern "^[ABCDEFGHJKMNPQRSTVWXYZ0-9]{26}$")"},
        {"WriteAuthorizationModelRequest", With(R"("schema_version":"1.1")"),
         "invalid WriteAuthorizationModelRequest.TypeDefinitions: value must contain at least 1 "
         "item(s)"},
        {"WriteAuthorizationModelRequest", With(R"("type_definitions":[{"type":"t"}])"),
         "invalid WriteAuthorizationModelRequest.SchemaVersion: value must be in list [1.0 1.1 "
         "1.2]"},
        {"WriteAuthorizationModelRequest",
         With(R"("type_definitions":[{"type":"t"}],"schema_version":"1.1","conditions":{)" +
              Pairs(26, R"({"name":"c"})") + "}"),
         "invalid WriteAuthorizationModelRequest.Conditions: value must contain no more than 25 "
         "pair(s)"},
        {"WriteAuthorizationModelRequest",
         With(R"("type_definitions":[{"type":"t"}],"schema_version":"1.1","conditions":{"@":{}})"),
         R"(invalid WriteAuthorizationModelRequest.Conditions[@]: value does not match regex pattern "^[^:#@\\s]{1,50}$")"},
        {"ReadAuthorizationModelRequest", "{}",
         R"(invalid ReadAuthorizationModelRequest.StoreId: value does not match regex pattern "^[ABCDEFGHJKMNPQRSTVWXYZ0-9]{26}$")"},
        {"ReadAuthorizationModelRequest", With(R"("id":"1")"),
         R"(invalid ReadAuthorizationModelRequest.Id: value does not match regex pattern "^[ABCDEFGHJKMNPQRSTVWXYZ0-9]{26}$")"},
        {"ReadAuthorizationModelsRequest", "{}",
         R"(invalid ReadAuthorizationModelsRequest.StoreId: value does not match regex pattern "^[ABCDEFGHJKMNPQRSTVWXYZ0-9]{26}$")"},
        {"ReadAuthorizationModelsRequest", With(R"("page_size":-1)"),
         "invalid ReadAuthorizationModelsRequest.PageSize: value must be inside range [1, 100]"},
        {"ReadAuthorizationModelsRequest", With(R"("continuation_token":"%")"),
         R"(invalid ReadAuthorizationModelsRequest.ContinuationToken: value does not match regex pattern "^$|^[A-Za-z0-9-_]+={0,2}$")"},
        {"ReadAuthorizationModelsRequest",
         With(R"("continuation_token":")" + std::string(5121, 'a') + "\""),
         "invalid ReadAuthorizationModelsRequest.ContinuationToken: value length must be at most "
         "5120 "
         "bytes"},

        {"Assertion", "{}", "invalid Assertion.TupleKey: value is required"},
        {"Assertion", "{" + kKey + R"(,"contextual_tuples":[)" + Repeat(21, "{}") + "]}",
         "invalid Assertion.ContextualTuples: value must contain no more than 20 item(s)"},
        {"WriteAssertionsRequest", "{}",
         R"(invalid WriteAssertionsRequest.StoreId: value does not match regex pattern "^[ABCDEFGHJKMNPQRSTVWXYZ0-9]{26}$")"},
        {"WriteAssertionsRequest", With(R"("assertions":[])"),
         R"(invalid WriteAssertionsRequest.AuthorizationModelId: value does not match regex pattern "^[ABCDEFGHJKMNPQRSTVWXYZ0-9]{26}$")"},
        {"WriteAssertionsRequest",
         With(R"("authorization_model_id":")" PEMBA_ULID R"(","assertions":[)" + Repeat(101, "{}") +
              "]"),
         "invalid WriteAssertionsRequest.Assertions: value must contain no more than 100 item(s)"},
        {"ReadAssertionsRequest", "{}",
         R"(invalid ReadAssertionsRequest.StoreId: value does not match regex pattern "^[ABCDEFGHJKMNPQRSTVWXYZ0-9]{26}$")"},
        {"ReadAssertionsRequest", With(R"("authorization_model_id":"")"),
         R"(invalid ReadAssertionsRequest.AuthorizationModelId: value does not match regex pattern "^[ABCDEFGHJKMNPQRSTVWXYZ0-9]{26}$")"},
};

// The two list requests have the same rules.
std::vector<RuleCase> ListObjectsCases(const char* message) {
  static std::vector<std::string> texts;  // Keeps the wanted texts alive.
  const std::string name(message);
  const std::vector<std::pair<std::string, std::string>> rows = {
      {"{}", ".StoreId: " + kUlidText},
      {With(R"("authorization_model_id":"1")"), ".AuthorizationModelId: " + kUlidText},
      {With(R"("relation":"r")"),
       R"(.Type: value does not match regex pattern "^[^:#@\\s]{1,254}$")"},
      {With(R"("type":"t")"),
       R"(.Relation: value does not match regex pattern "^[^:#@\\s]{1,50}$")"},
      {With(R"("type":"t","relation":"r")"),
       ".User: value length must be between 1 and 512 bytes, inclusive"},
      {With(R"("type":"t","relation":"r","user":")" + std::string(513, 'u') + "\""),
       ".User: value length must be between 1 and 512 bytes, inclusive"},
      {With(R"("type":"t","relation":"r","user":"u","consistency":1)"),
       ".Consistency: value must be one of the defined enum values"},
  };
  std::vector<RuleCase> cases;
  texts.reserve(100);
  for (const auto& [json, want] : rows) {
    texts.push_back("invalid " + name + want);
    cases.push_back({message, json, texts.back()});
  }
  return cases;
}

// The lists of several kinds: what they have in common, and what not.
std::vector<RuleCase> KindListCases() {
  static std::vector<std::string> texts;  // Keeps the wanted texts alive.
  const std::string kinds = R"("kinds":[{"type":"t","relation":"r"},{"type":"t","relation":"s"}])";
  const std::string object = R"("object":{"type":"t","id":"1"},"relation":"r")";
  const std::string filters = R"("user_filters":[{"type":"a"},{"type":"b"}])";
  std::string many = "{}";
  for (int i = 0; i < 100; ++i) many += ",{}";
  struct Row {
    const char* message;
    std::string json, want;
  };
  std::vector<Row> rows = {
      {"ListObjectsOfKindsRequest", With(R"("user":"u")"),
       ".Kinds: value must contain at least 1 item(s)"},
      {"ListObjectsOfKindsRequest", With(R"("user":"u","kinds":[)" + many + "]"),
       ".Kinds: value must contain no more than 100 item(s)"},
      {"ListObjectsOfKindsRequest", With(kinds),
       ".User: value length must be between 1 and 512 bytes, inclusive"},
      {"ListUsersOfKindsRequest", With(R"("relation":"r",)" + filters),
       ".Object: value is required"},
      {"ListUsersOfKindsRequest", With(R"("object":{"type":"t","id":"1"},)" + filters),
       R"(.Relation: value does not match regex pattern "^[^:#@\\s]{1,50}$")"},
      {"ListUsersOfKindsRequest", With(object),
       ".UserFilters: value must contain at least 1 item(s)"},
      {"ListUsersOfKindsRequest", With(object + R"(,"user_filters":[)" + many + "]"),
       ".UserFilters: value must contain no more than 100 item(s)"},
      {"ObjectKind", "{}", R"(.Type: value does not match regex pattern "^[^:#@\\s]{1,254}$")"},
      {"ObjectKind", R"({"type":"t"})",
       R"(.Relation: value does not match regex pattern "^[^:#@\\s]{1,50}$")"},
  };
  const std::pair<const char*, std::string> valid[] = {
      {"ListObjectsOfKindsRequest", kinds + R"(,"user":"u")"},
      {"ListUsersOfKindsRequest", object + "," + filters}};
  for (const auto& [message, fields] : valid) {
    const auto with = [&](const std::string& more) { return With(fields + "," + more); };
    rows.push_back({message, "{" + fields + "}", ".StoreId: " + kUlidText});
    rows.push_back(
        {message, with(R"("authorization_model_id":"1")"), ".AuthorizationModelId: " + kUlidText});
    rows.push_back({message, with(R"("consistency":1)"),
                    ".Consistency: value must be one of the defined enum values"});
    rows.push_back(
        {message, with(R"("page_size":0)"), ".PageSize: value must be greater than or equal to 1"});
    rows.push_back({message, with(R"("continuation_token":"*")"),
                    R"(.ContinuationToken: value does not match regex pattern )"
                    R"("^$|^[A-Za-z0-9-_]+={0,2}$")"});
    rows.push_back({message, with(R"("continuation_token":")" + std::string(5121, 'a') + "\""),
                    ".ContinuationToken: value length must be at most 5120 bytes"});
    rows.push_back({message, with(R"("page_size":1)"), ""});
  }
  std::vector<RuleCase> cases;
  texts.reserve(100);
  for (const auto& [message, json, want] : rows) {
    texts.push_back(want.empty() ? "" : "invalid " + std::string(message) + want);
    cases.push_back({message, json, texts.back()});
  }
  return cases;
}

std::string ViolationOf(const RuleCase& c) {
  static const FieldRules rules(FieldRulesTable());
  const auto& pool = *pb::DescriptorPool::generated_pool();
  const auto* type = pool.FindMessageTypeByName(std::string("openfga.v1.") + c.message);
  if (type == nullptr) type = pool.FindMessageTypeByName(std::string("pemba.v1.") + c.message);
  if (type == nullptr) return "no such message";
  std::unique_ptr<pb::Message> message(
      pb::MessageFactory::generated_factory()->GetPrototype(type)->New());
  if (const auto read = ReadJson(c.json, *message); !read.ok()) return read.error().message;
  const auto status = rules.Check(*message, kNow);
  return status.ok() ? "" : status.error().message;
}

std::string FirstOf(const RuleCase& c) {
  const auto text = ViolationOf(c);
  return text.substr(0, text.find("; invalid "));
}

TEST(FieldRules, FirstViolationInTheWordsOfTheWire) {
  for (const auto& c : kCases) EXPECT_EQ(FirstOf(c), c.want) << c.message << " " << c.json;
  for (const char* message : {"ListObjectsRequest", "StreamedListObjectsRequest"}) {
    for (const auto& c : ListObjectsCases(message)) EXPECT_EQ(FirstOf(c), c.want) << c.json;
  }
  for (const auto& c : KindListCases()) EXPECT_EQ(FirstOf(c), c.want) << c.json;
}

// Of the model with everything wrong, the texts between what encloses them, in their order.
TEST(FieldRules, AllViolationsMembersOfOneofsLast) {
  const std::string reference = R"({"type":"a b","relation":"a b","condition":"a b"})";
  const std::string name = R"(value does not match regex pattern "^[^:#@\\s]{1,50}$")";
  const std::string inside = ": embedded message failed validation | caused by: ";
  const auto status = ViolationOf(
      {"WriteAuthorizationModelRequest",
       With(R"("schema_version":"9","type_definitions":[{"type":"d","metadata":{"module":"a b",
               "relations":{"r":{"directly_related_user_types":[)" +
            reference + R"(]}}}}],
               "conditions":{"a b":{"name":"c d","parameters":{"p":{"type_name":99}}}})"),
       {}});
  EXPECT_EQ(
      status,
      "invalid WriteAuthorizationModelRequest.TypeDefinitions[0]" + inside +
          "invalid TypeDefinition.Metadata" + inside + "invalid Metadata.Relations[r]" + inside +
          "invalid RelationMetadata.DirectlyRelatedUserTypes[0]" + inside +
          R"(invalid RelationReference.Type: value does not match regex pattern "^[^:#@\\s]{1,254}$")" +
          "; invalid RelationReference.Condition: " + name +
          "; invalid RelationReference.Relation: " + name + "; invalid Metadata.Module: " + name +
          "; invalid WriteAuthorizationModelRequest.SchemaVersion: value must be in list "
          "[1.0 1.1 1.2]; invalid WriteAuthorizationModelRequest.Conditions[a b]: " +
          name + "; invalid WriteAuthorizationModelRequest.Conditions[a b]" + inside +
          "invalid Condition.Name: " + name + "; invalid Condition.Parameters[p]" + inside +
          "invalid ConditionParamTypeRef.TypeName: value must be one of the defined enum "
          "values");
}

TEST(FieldRules, StopLookingWhenThereIsEnoughToTell) {
  const auto text = ViolationOf(
      {"CheckRequest",
       With(R"("contextual_tuples":{"tuple_keys":[)" + Repeat(100, R"({"object":" "})") + "]}"),
       {}});
  EXPECT_THAT(text, testing::HasSubstr("ContextualTupleKeys.TupleKeys[20]: "));
  EXPECT_GT(text.size(), 4096u);
  EXPECT_LT(text.size(), 3 * 4096u);
}

// A rule without a case here would be a rule that nobody has seen fail.
TEST(FieldRules, EveryRowOfTheTableHasACase) {
  std::set<std::string> seen;
  const auto note = [&](const RuleCase& c) {
    std::string text(c.want);
    if (const auto at = text.rfind("invalid "); at != text.npos) {
      text = text.substr(at + 8, text.find(": ", at) - at - 8);
      seen.insert(text.substr(0, text.find('[')));
    }
  };
  for (const auto& c : kCases) note(c);
  for (const auto& c : KindListCases()) note(c);
  for (const auto& c : ListObjectsCases("ListObjectsRequest")) note(c);
  for (const auto& c : ListObjectsCases("StreamedListObjectsRequest")) note(c);
  for (const auto& row : FieldRulesTable()) {
    std::string name(row.message.substr(row.message.rfind('.') + 1));
    name += ".";
    bool upper = true;
    for (const char c : row.field) {
      if (c != '_') name.push_back(upper ? static_cast<char>(std::toupper(c)) : c);
      upper = c == '_';
    }
    EXPECT_TRUE(seen.contains(name)) << name;
  }
}

TEST(FieldRules, TheQuickWayPassesOnlyWhatTheTablePasses) {
  static const FieldRules rules(FieldRulesTable());
  const std::string key = R"("tuple_key":{"user":"user:a","relation":"r","object":"doc:1"})";
  const std::string model = R"("authorization_model_id":")";
  const std::pair<std::string, QuickVerdict> cases[] = {
      {With(key), QuickVerdict::kPasses},
      {With(key + "," + model + PEMBA_ULID + "\""), QuickVerdict::kPasses},
      {With(key + R"(,"consistency":200,"context":{"a":1},"trace":true)"), QuickVerdict::kPasses},
      {With(key + R"(,"contextual_tuples":{})"), QuickVerdict::kAskTheTable},
      {With(key + "," + model + "x\""), QuickVerdict::kAskTheTable},
      {With(key + R"(,"consistency":1)"), QuickVerdict::kAskTheTable},
      {"{" + key + "}", QuickVerdict::kAskTheTable},
      {With(R"("trace":true)"), QuickVerdict::kAskTheTable},
      {With(R"("tuple_key":{"user":"a b","relation":"r","object":"doc:1"})"),
       QuickVerdict::kAskTheTable},
      {With(R"("tuple_key":{"user":"user:a","relation":"#","object":"doc:1"})"),
       QuickVerdict::kAskTheTable},
      {With(R"("tuple_key":{"user":"user:a","relation":"r","object":"d"})"),
       QuickVerdict::kAskTheTable},
  };
  for (const auto& [json, want] : cases) {
    ::openfga::v1::CheckRequest request;
    ASSERT_TRUE(ReadJson(json, request).ok());
    EXPECT_EQ(CheckFieldsQuickly(request), want) << json;
    if (want == QuickVerdict::kPasses) {
      EXPECT_TRUE(rules.Check(request, kNow).ok()) << json;
    }
  }
}

TEST(FieldRules, TimestampsOutsideTheCalendarAreNotValid) {
  static const FieldRules rules(FieldRulesTable());
  ::openfga::v1::ReadChangesRequest request;
  request.set_store_id(PEMBA_ULID);
  request.mutable_start_time()->set_nanos(-1);
  EXPECT_EQ(rules.Check(request, kNow).error().message,
            "invalid ReadChangesRequest.StartTime: value is not a valid timestamp");
  request.mutable_start_time()->set_nanos(0);
  request.mutable_start_time()->set_seconds(-62'135'596'801);
  EXPECT_FALSE(rules.Check(request, kNow).ok());
}

}  // namespace
}  // namespace pemba::api::openfga
