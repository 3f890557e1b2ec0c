#include "pemba/api/openfga/field_rules_table.h"

#include <pemba/v1/pemba_service.pb.h>

namespace pemba::api::openfga {
namespace {

using namespace rule;  // NOLINT(google-build-using-namespace): the vocabulary of this one table.

#define V1(message) "openfga.v1." message
// clang-format off
const FieldRule kTable[] = {
    // Stores
    {V1("CreateStoreRequest"), "name", Matches(kStoreNamePattern)},
    {V1("UpdateStoreRequest"), "store_id", Matches(kUlidPattern)},
    {V1("UpdateStoreRequest"), "name", Matches(kStoreNamePattern)},
    {V1("GetStoreRequest"), "store_id", Matches(kUlidPattern)},
    {V1("DeleteStoreRequest"), "store_id", Matches(kUlidPattern)},
    {V1("ListStoresRequest"), "page_size", Range(1, 100)},
    {V1("ListStoresRequest"), "continuation_token", BytesMax(5120)},
    {V1("ListStoresRequest"), "continuation_token", Matches(kTokenPattern)},
    {V1("ListStoresRequest"), "name", MatchesOrEmpty(kStoreNamePattern)},

    // Tuples
    {V1("TupleKey"), "user", BytesMax(512)},
    {V1("TupleKey"), "relation", MatchesOrEmpty(kRelationPattern)},
    {V1("TupleKey"), "object", MatchesOrEmpty(kObjectPattern)},
    {V1("TupleKeyWithoutCondition"), "user", BytesMax(512)},
    {V1("TupleKeyWithoutCondition"), "relation", MatchesOrEmpty(kRelationPattern)},
    {V1("TupleKeyWithoutCondition"), "object", MatchesOrEmpty(kObjectPattern)},
    {V1("RelationshipCondition"), "name", Matches(kObjectPattern)},
    {V1("TupleKeys"), "tuple_keys", ItemsMin(1)},
    {V1("ContextualTupleKeys"), "tuple_keys", ItemsMax(100)},
    {V1("ReadRequestTupleKey"), "user", BytesMax(512)},
    {V1("ReadRequestTupleKey"), "user", MatchesOrEmpty(kReadUserPattern)},
    {V1("ReadRequestTupleKey"), "relation", MatchesOrEmpty(kRelationPattern)},
    {V1("ReadRequestTupleKey"), "object", MatchesOrEmpty(kObjectPattern)},
    {V1("CheckRequestTupleKey"), "user", Matches(kUserPattern)},
    {V1("CheckRequestTupleKey"), "relation", Matches(kRelationPattern)},
    {V1("CheckRequestTupleKey"), "object", Matches(kObjectPattern)},
    {V1("ExpandRequestTupleKey"), "relation", MatchesOrEmpty(kRelationPattern)},
    {V1("ExpandRequestTupleKey"), "object", MatchesOrEmpty(kObjectPattern)},
    {V1("AssertionTupleKey"), "object", Matches(kObjectPattern)},
    {V1("AssertionTupleKey"), "relation", Matches(kRelationPattern)},
    {V1("AssertionTupleKey"), "user", Matches(kUserPattern)},
    {V1("ReadRequest"), "store_id", Matches(kUlidPattern)},
    {V1("ReadRequest"), "page_size", Range(1, 100)},
    {V1("ReadRequest"), "continuation_token", BytesMax(5120)},
    {V1("ReadRequest"), "continuation_token", Matches(kTokenPattern)},
    {V1("ReadRequest"), "consistency", Defined()},
    {V1("WriteRequest"), "store_id", Matches(kUlidPattern)},
    {V1("WriteRequest"), "authorization_model_id", MatchesOrEmpty(kUlidPattern)},
    {V1("WriteRequestWrites"), "tuple_keys", ItemsMin(1)},
    {V1("WriteRequestDeletes"), "tuple_keys", ItemsMin(1)},
    {V1("ReadChangesRequest"), "store_id", Matches(kUlidPattern)},
    {V1("ReadChangesRequest"), "type", MatchesOrEmpty(kChangesTypePattern)},
    {V1("ReadChangesRequest"), "page_size", AtLeast(1)},
    {V1("ReadChangesRequest"), "continuation_token", BytesMax(5120)},
    {V1("ReadChangesRequest"), "continuation_token", Matches(kTokenPattern)},
    {V1("ReadChangesRequest"), "start_time", Past()},

    {"pemba.v1.WriteTuplesRequest", "store_id", Matches(kUlidPattern)},
    {"pemba.v1.WriteTuplesRequest", "authorization_model_id", MatchesOrEmpty(kUlidPattern)},
    {"pemba.v1.TupleWrite", "tuple_key", Required()},
    {"pemba.v1.TupleFilter", "object_type", MatchesOrEmpty(kTypePattern)},
    {"pemba.v1.TupleFilter", "object_id", BytesMax(256)},
    {"pemba.v1.TupleFilter", "relation", MatchesOrEmpty(kRelationPattern)},
    {"pemba.v1.TupleFilter", "user_type", MatchesOrEmpty(kTypePattern)},
    {"pemba.v1.TupleFilter", "user_id", BytesMax(512)},
    {"pemba.v1.TupleFilter", "user_relation", MatchesOrEmpty(kRelationPattern)},
    {"pemba.v1.FilteredDelete", "filter", Required()},
    {"pemba.v1.RelationReplacement", "object", Matches(kObjectPattern)},
    {"pemba.v1.RelationReplacement", "relation", Matches(kRelationPattern)},
    {"pemba.v1.ReplacementUser", "user", Bytes(1, 512)},
    {"pemba.v1.ReadTuplesRequest", "store_id", Matches(kUlidPattern)},
    {"pemba.v1.ReadTuplesRequest", "page_size", Range(1, 1000)},
    {"pemba.v1.ReadTuplesRequest", "continuation_token", BytesMax(5120)},
    {"pemba.v1.ReadTuplesRequest", "continuation_token", Matches(kTokenPattern)},
    {"pemba.v1.WatchRequest", "store_id", Matches(kUlidPattern)},
    {"pemba.v1.WatchRequest", "type", MatchesOrEmpty(kChangesTypePattern)},
    {"pemba.v1.WatchRequest", "continuation_token", BytesMax(5120)},
    {"pemba.v1.WatchRequest", "continuation_token", Matches(kTokenPattern)},
    {"pemba.v1.WatchRequest", "heartbeat_seconds", Range(1, 600)},

    // Queries
    {V1("CheckRequest"), "store_id", Matches(kUlidPattern)},
    {V1("CheckRequest"), "tuple_key", Required()},
    {V1("CheckRequest"), "authorization_model_id", MatchesOrEmpty(kUlidPattern)},
    {V1("CheckRequest"), "consistency", Defined()},
    {"pemba.v1.ExplainRequest", "store_id", Matches(kUlidPattern)},
    {"pemba.v1.ExplainRequest", "tuple_key", Required()},
    {"pemba.v1.ExplainRequest", "authorization_model_id", MatchesOrEmpty(kUlidPattern)},
    {"pemba.v1.ExplainRequest", "consistency", Defined()},
    {V1("BatchCheckRequest"), "store_id", Matches(kUlidPattern)},
    {V1("BatchCheckRequest"), "checks", ItemsMin(1)},
    {V1("BatchCheckRequest"), "authorization_model_id", MatchesOrEmpty(kUlidPattern)},
    {V1("BatchCheckRequest"), "consistency", Defined()},
    {V1("BatchCheckItem"), "tuple_key", Required()},
    {V1("BatchCheckItem"), "correlation_id", Matches(kCorrelationIdPattern)},
    {V1("ExpandRequest"), "store_id", Matches(kUlidPattern)},
    {V1("ExpandRequest"), "tuple_key", Required()},
    {V1("ExpandRequest"), "authorization_model_id", MatchesOrEmpty(kUlidPattern)},
    {V1("ExpandRequest"), "consistency", Defined()},
    {V1("ListObjectsRequest"), "store_id", Matches(kUlidPattern)},
    {V1("ListObjectsRequest"), "authorization_model_id", MatchesOrEmpty(kUlidPattern)},
    {V1("ListObjectsRequest"), "type", Matches(kTypePattern)},
    {V1("ListObjectsRequest"), "relation", Matches(kRelationPattern)},
    {V1("ListObjectsRequest"), "user", Bytes(1, 512)},
    {V1("ListObjectsRequest"), "consistency", Defined()},
    {V1("StreamedListObjectsRequest"), "store_id", Matches(kUlidPattern)},
    {V1("StreamedListObjectsRequest"), "authorization_model_id", MatchesOrEmpty(kUlidPattern)},
    {V1("StreamedListObjectsRequest"), "type", Matches(kTypePattern)},
    {V1("StreamedListObjectsRequest"), "relation", Matches(kRelationPattern)},
    {V1("StreamedListObjectsRequest"), "user", Bytes(1, 512)},
    {V1("StreamedListObjectsRequest"), "consistency", Defined()},
    {V1("ListUsersRequest"), "store_id", Matches(kUlidPattern)},
    {V1("ListUsersRequest"), "authorization_model_id", MatchesOrEmpty(kUlidPattern)},
    {V1("ListUsersRequest"), "object", Required()},
    {V1("ListUsersRequest"), "relation", Matches(kRelationPattern)},
    {V1("ListUsersRequest"), "user_filters", Items(1)},
    {V1("ListUsersRequest"), "contextual_tuples", ItemsMax(100)},
    {V1("ListUsersRequest"), "consistency", Defined()},
    {"pemba.v1.ListObjectsOfKindsRequest", "store_id", Matches(kUlidPattern)},
    {"pemba.v1.ListObjectsOfKindsRequest", "authorization_model_id", MatchesOrEmpty(kUlidPattern)},
    {"pemba.v1.ListObjectsOfKindsRequest", "kinds", ItemsMin(1)},
    {"pemba.v1.ListObjectsOfKindsRequest", "kinds", ItemsMax(100)},
    {"pemba.v1.ListObjectsOfKindsRequest", "user", Bytes(1, 512)},
    {"pemba.v1.ListObjectsOfKindsRequest", "consistency", Defined()},
    {"pemba.v1.ListObjectsOfKindsRequest", "page_size", AtLeast(1)},
    {"pemba.v1.ListObjectsOfKindsRequest", "continuation_token", BytesMax(5120)},
    {"pemba.v1.ListObjectsOfKindsRequest", "continuation_token", Matches(kTokenPattern)},
    {"pemba.v1.ListUsersOfKindsRequest", "store_id", Matches(kUlidPattern)},
    {"pemba.v1.ListUsersOfKindsRequest", "authorization_model_id", MatchesOrEmpty(kUlidPattern)},
    {"pemba.v1.ListUsersOfKindsRequest", "object", Required()},
    {"pemba.v1.ListUsersOfKindsRequest", "relation", Matches(kRelationPattern)},
    {"pemba.v1.ListUsersOfKindsRequest", "user_filters", ItemsMin(1)},
    {"pemba.v1.ListUsersOfKindsRequest", "user_filters", ItemsMax(100)},
    {"pemba.v1.ListUsersOfKindsRequest", "consistency", Defined()},
    {"pemba.v1.ListUsersOfKindsRequest", "page_size", AtLeast(1)},
    {"pemba.v1.ListUsersOfKindsRequest", "continuation_token", BytesMax(5120)},
    {"pemba.v1.ListUsersOfKindsRequest", "continuation_token", Matches(kTokenPattern)},
    {"pemba.v1.ObjectKind", "type", Matches(kTypePattern)},
    {"pemba.v1.ObjectKind", "relation", Matches(kRelationPattern)},
    {V1("Object"), "type", Matches(kTypePattern)},
    {V1("Object"), "id", Matches(kObjectIdPattern)},
    {V1("UsersetUser"), "type", Matches(kTypePattern)},
    {V1("UsersetUser"), "id", Matches(kObjectIdPattern)},
    {V1("UsersetUser"), "relation", MatchesOrEmpty(kRelationPattern)},
    {V1("TypedWildcard"), "type", Matches(kTypePattern)},
    {V1("UserTypeFilter"), "type", Matches(kTypePattern)},
    {V1("UserTypeFilter"), "relation", MatchesOrEmpty(kRelationPattern)},

    // Authorization models
    {V1("AuthorizationModel"), "id", Matches(kUlidPattern)},
    {V1("AuthorizationModel"), "conditions", PairsMax(25)},
    {V1("AuthorizationModel"), "conditions", KeysMatch(kRelationPattern)},
    {V1("TypeDefinition"), "type", Matches(kTypePattern)},
    {V1("TypeDefinition"), "relations", KeysMatch(kRelationPattern)},
    {V1("Metadata"), "module", MatchesOrEmpty(kRelationPattern)},
    {V1("SourceInfo"), "file", MatchesOrEmpty(kSourceFilePattern)},
    {V1("RelationMetadata"), "module", MatchesOrEmpty(kRelationPattern)},
    {V1("RelationReference"), "type", Matches(kTypePattern)},
    {V1("RelationReference"), "relation", MatchesOrEmpty(kRelationPattern)},
    {V1("RelationReference"), "condition", MatchesOrEmpty(kRelationPattern)},
    {V1("Difference"), "base", Required()},
    {V1("Difference"), "subtract", Required()},
    {V1("ObjectRelation"), "object", BytesMax(256)},
    {V1("ObjectRelation"), "relation", BytesMax(50)},
    {V1("TupleToUserset"), "tupleset", Required()},
    {V1("TupleToUserset"), "computed_userset", Required()},
    {V1("Condition"), "name", Matches(kRelationPattern)},
    {V1("Condition"), "expression", BytesMax(512)},
    {V1("Condition"), "parameters", PairsMax(25)},
    {V1("Condition"), "parameters", KeysMatch(kRelationPattern)},
    {V1("ConditionMetadata"), "module", MatchesOrEmpty(kRelationPattern)},
    {V1("ConditionParamTypeRef"), "type_name", Defined()},
    {V1("ConditionParamTypeRef"), "generic_types", ItemsMax(5)},
    {V1("WriteAuthorizationModelRequest"), "store_id", Matches(kUlidPattern)},
    {V1("WriteAuthorizationModelRequest"), "type_definitions", ItemsMin(1)},
    {V1("WriteAuthorizationModelRequest"), "schema_version", SchemaVersion()},
    {V1("WriteAuthorizationModelRequest"), "conditions", PairsMax(25)},
    {V1("WriteAuthorizationModelRequest"), "conditions", KeysMatch(kRelationPattern)},
    {V1("ReadAuthorizationModelRequest"), "store_id", Matches(kUlidPattern)},
    {V1("ReadAuthorizationModelRequest"), "id", Matches(kUlidPattern)},
    {V1("ReadAuthorizationModelsRequest"), "store_id", Matches(kUlidPattern)},
    {V1("ReadAuthorizationModelsRequest"), "page_size", Range(1, 100)},
    {V1("ReadAuthorizationModelsRequest"), "continuation_token", BytesMax(5120)},
    {V1("ReadAuthorizationModelsRequest"), "continuation_token", Matches(kTokenPattern)},

    // Assertions
    {V1("Assertion"), "tuple_key", Required()},
    {V1("Assertion"), "contextual_tuples", ItemsMax(20)},
    {V1("WriteAssertionsRequest"), "store_id", Matches(kUlidPattern)},
    {V1("WriteAssertionsRequest"), "authorization_model_id", Matches(kUlidPattern)},
    {V1("WriteAssertionsRequest"), "assertions", ItemsMax(100)},
    {V1("ReadAssertionsRequest"), "store_id", Matches(kUlidPattern)},
    {V1("ReadAssertionsRequest"), "authorization_model_id", Matches(kUlidPattern)},
};
// clang-format on
#undef V1

}  // namespace

std::span<const FieldRule> FieldRulesTable() {
  // The rows name messages by text: this makes sure that they are part of the program.
  static_cast<void>(::pemba::v1::ExplainRequest::descriptor());
  return kTable;
}

QuickVerdict CheckFieldsQuickly(const ::openfga::v1::CheckRequest& request) {
  const auto& key = request.tuple_key();
  const auto& model = request.authorization_model_id();
  const bool passes =
      !request.has_contextual_tuples() && request.has_tuple_key() &&
      kUlidPattern.matches(request.store_id()) && (model.empty() || kUlidPattern.matches(model)) &&
      kUserPattern.matches(key.user()) && kRelationPattern.matches(key.relation()) &&
      kObjectPattern.matches(key.object()) &&
      ::openfga::v1::ConsistencyPreference_IsValid(request.consistency());
  return passes ? QuickVerdict::kPasses : QuickVerdict::kAskTheTable;
}

}  // namespace pemba::api::openfga
