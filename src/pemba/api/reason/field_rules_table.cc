#include "pemba/api/reason/field_rules_table.h"

namespace pemba::api::reason {
namespace {

using namespace rule;  // NOLINT(google-build-using-namespace): the vocabulary of this one table.

#define V1(message) "pemba.reason.v1." message
// clang-format off
const FieldRule kTable[] = {
    {V1("CreateDatabaseRequest"), "database", Bytes(1, 63)},
    {V1("CreateDatabaseRequest"), "sample", BytesMax(63)},
    {V1("GetDatabaseRequest"), "database", Bytes(1, 63)},
    {V1("DeleteDatabaseRequest"), "database", Bytes(1, 63)},
    {V1("ReadSchemaRequest"), "database", Bytes(1, 63)},
    {V1("QueryRequest"), "database", Bytes(1, 63)},
    {V1("QueryRequest"), "kind", Defined()},
    {V1("QueryRequest"), "transaction", BytesMax(63)},
    {V1("BeginTransactionRequest"), "database", Bytes(1, 63)},
    {V1("BeginTransactionRequest"), "kind", Defined()},
    {V1("CommitTransactionRequest"), "database", Bytes(1, 63)},
    {V1("CommitTransactionRequest"), "transaction", Bytes(1, 63)},
    {V1("RollbackTransactionRequest"), "database", Bytes(1, 63)},
    {V1("RollbackTransactionRequest"), "transaction", Bytes(1, 63)},
    {V1("ExplainFactRequest"), "database", Bytes(1, 63)},
    {V1("ExplainFactRequest"), "transaction", Bytes(1, 63)},
    {V1("ExplainFactRequest"), "iid", Bytes(1, 63)},
    {V1("ProjectRequest"), "database", Bytes(1, 63)},
    {V1("GuardedCheckRequest"), "database", Bytes(1, 63)},
    {V1("GuardedCheckRequest"), "store_id", Matches(kUlidPattern)},
    {V1("GuardedCheckRequest"), "tuple_key", Required()},
    {V1("GuardedCheckRequest"), "authorization_model_id", MatchesOrEmpty(kUlidPattern)},
    {"openfga.v1.CheckRequestTupleKey", "user", Bytes(1, 512)},
    {"openfga.v1.CheckRequestTupleKey", "relation", Matches(kRelationPattern)},
    {"openfga.v1.CheckRequestTupleKey", "object", Matches(kObjectPattern)},
};
// clang-format on
#undef V1

}  // namespace

std::span<const FieldRule> FieldRulesTable() { return kTable; }

}  // namespace pemba::api::reason
