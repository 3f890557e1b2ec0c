#include "pemba/api/authzen/field_rules_table.h"

namespace pemba::api::authzen {
namespace {

using namespace rule;  // NOLINT(google-build-using-namespace): the vocabulary of this one table.

#define V1(message) "authzen.v1." message
// clang-format off
const FieldRule kTable[] = {
    {V1("Subject"), "type", Matches(kRelationPattern)},
    {V1("Subject"), "id", Matches(kSubjectIdPattern)},
    {V1("Resource"), "type", Matches(kRelationPattern)},
    {V1("Resource"), "id", Matches(kResourceIdPattern)},
    {V1("Action"), "name", Matches(kRelationPattern)},
    {V1("SubjectFilter"), "type", Matches(kRelationPattern)},
    {V1("ResourceFilter"), "type", Matches(kRelationPattern)},
    {V1("EvaluationRequest"), "store_id", Matches(kUlidPattern)},
    {V1("EvaluationRequest"), "subject", Required()},
    {V1("EvaluationRequest"), "resource", Required()},
    {V1("EvaluationRequest"), "action", Required()},
    {V1("EvaluationsRequest"), "store_id", Matches(kUlidPattern)},
    {V1("EvaluationsOptions"), "evaluations_semantic", Defined()},
    {V1("PageRequest"), "limit", AtMost(1000)},
    {V1("SubjectSearchRequest"), "store_id", Matches(kUlidPattern)},
    {V1("SubjectSearchRequest"), "resource", Required()},
    {V1("SubjectSearchRequest"), "action", Required()},
    {V1("SubjectSearchRequest"), "subject", Required()},
    {V1("ResourceSearchRequest"), "store_id", Matches(kUlidPattern)},
    {V1("ResourceSearchRequest"), "subject", Required()},
    {V1("ResourceSearchRequest"), "action", Required()},
    {V1("ResourceSearchRequest"), "resource", Required()},
    {V1("ActionSearchRequest"), "store_id", Matches(kUlidPattern)},
    {V1("ActionSearchRequest"), "subject", Required()},
    {V1("ActionSearchRequest"), "resource", Required()},
    {V1("GetConfigurationRequest"), "store_id", Matches(kUlidPattern)},
};
// clang-format on
#undef V1

}  // namespace

std::span<const FieldRule> FieldRulesTable() { return kTable; }

}  // namespace pemba::api::authzen
