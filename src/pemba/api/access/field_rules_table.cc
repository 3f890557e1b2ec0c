#include "pemba/api/access/field_rules_table.h"

namespace pemba::api::access {
namespace {

using namespace rule;  // NOLINT(google-build-using-namespace): the vocabulary of this one table.

#define V1(message) "pemba.iam.v1." message
// clang-format off
const FieldRule kTable[] = {
    {V1("Resource"), "api_group", BytesMax(253)},
    {V1("Resource"), "kind", Bytes(1, 63)},
    {V1("Resource"), "namespace", BytesMax(253)},
    {V1("Resource"), "name", BytesMax(253)},
    {V1("CheckAccessRequest"), "principal", BytesMax(253)},
    {V1("CheckAccessRequest"), "permission", Bytes(1, 400)},
    {V1("CheckAccessRequest"), "resource", Required()},
    {V1("BatchCheckAccessRequest"), "checks", ItemsMin(1)},
    {V1("BatchCheckAccessRequest"), "checks", ItemsMax(100)},
    {V1("TestIamPermissionsRequest"), "resource", Required()},
    {V1("TestIamPermissionsRequest"), "permissions", ItemsMax(100)},
    {V1("ListAccessibleRequest"), "principal", BytesMax(253)},
    {V1("ListAccessibleRequest"), "permission", Bytes(1, 400)},
    {V1("ListAccessibleRequest"), "api_group", BytesMax(253)},
    {V1("ListAccessibleRequest"), "kind", Bytes(1, 63)},
    {V1("ListPrincipalsRequest"), "permission", Bytes(1, 400)},
    {V1("ListPrincipalsRequest"), "resource", Required()},
    {V1("ListGrantableRolesRequest"), "resource", Required()},
    {V1("ExplainAccessRequest"), "principal", BytesMax(253)},
    {V1("ExplainAccessRequest"), "permission", Bytes(1, 400)},
    {V1("ExplainAccessRequest"), "resource", Required()},
};
// clang-format on
#undef V1

}  // namespace

std::span<const FieldRule> FieldRulesTable() { return kTable; }

}  // namespace pemba::api::access
