// What the span of a call says, under the names that the wire's users search for.
//
// Objects and users are in it: whoever sends traces somewhere sends those too.
#pragma once

#include <openfga/v1/openfga_service.pb.h>

#include "pemba/api/openfga/call_report.h"
#include "pemba/telemetry/trace.h"

namespace pemba::api::openfga {

namespace wire = ::openfga::v1;

// The question, by RPC.
void DescribeQuestion(const wire::CheckRequest& request, telemetry::Span& span);
void DescribeQuestion(const wire::BatchCheckRequest& request, telemetry::Span& span);
void DescribeQuestion(const wire::ExpandRequest& request, telemetry::Span& span);
void DescribeQuestion(const wire::ListObjectsRequest& request, telemetry::Span& span);
void DescribeQuestion(const wire::StreamedListObjectsRequest& request, telemetry::Span& span);
void DescribeQuestion(const wire::ListUsersRequest& request, telemetry::Span& span);
void DescribeQuestion(const wire::ReadRequest& request, telemetry::Span& span);
void DescribeQuestion(const wire::ReadChangesRequest& request, telemetry::Span& span);
template <class Request>
void DescribeQuestion(const Request&, telemetry::Span&) {}  // Nothing of its own.

// What holds for all, and the answer of a Check.
void DescribeCall(const CallReport& report, telemetry::Span& span);

}  // namespace pemba::api::openfga
