// Routes: the relationship service, AuthZEN, reasoning and access on gRPC and HTTP.
//
// Each RPC is one row: its typed implementation, its HTTP method, pattern and success status. What
// surrounds a call is the same for all rows: decoding, path and query parameters, field rules,
// authentication, deadline, response headers, errors in both forms. A unary call passes the field
// rules before it is asked who calls, a stream after; so the wire contract has it.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "pemba/api/authn/authenticator.h"
#include "pemba/api/openfga/call_metrics.h"
#include "pemba/api/openfga/call_report.h"
#include "pemba/api/openfga/service.h"
#include "pemba/rpc/router.h"
#include "pemba/telemetry/trace.h"

namespace pemba::api::access {
class Service;
}

namespace pemba::api::authzen {
class Service;
}

namespace pemba::api::reason {
class Service;
}

namespace pemba::api::openfga {

// What those who are told of calls see of the tuples of a Write. kIds: of one without conditions,
// store and model alone, so that no message need be made of it.
enum class ReportedWrites : std::uint8_t { kWhole, kIds };

// What they see of the answers of ListObjects and ListUsers. kCounts: no response, so that no
// message need be made of each of a million answers. Of a stream they never see more.
enum class ReportedLists : std::uint8_t { kWhole, kCounts };

struct FrontOptions {
  std::chrono::milliseconds request_timeout{3000};  // Zero: none but the caller's.
  // Counts every call that has passed the field rules. May be null; must outlive the router.
  CallMetrics* metrics = nullptr;
  // Traces calls; their request id is then the trace id. May be null; must outlive the router.
  const telemetry::Tracer* tracer = nullptr;
  // Told of every call that got as far as the field rules, on the thread that answered it. May be
  // empty; without it and metrics, calls are not even timed.
  std::function<void(const CallReport&)> on_call;
  ReportedWrites reported_writes = ReportedWrites::kWhole;
  ReportedLists reported_lists = ReportedLists::kWhole;
};

// Borrows service, authenticator and clock, which must outlive the router.
void AddRoutes(Service& service, const authn::Authenticator& authenticator, const Clock& clock,
               FrontOptions options, rpc::Router& router);

// Likewise. With a default store, AuthZEN's own paths (/access/v1/...), which name no store, are
// served as well.
void AddAuthzenRoutes(authzen::Service& service, const authn::Authenticator& authenticator,
                      const Clock& clock, FrontOptions options, const std::string& default_store_id,
                      rpc::Router& router);

// Likewise: databases of facts and rules, under /reason.
void AddReasonRoutes(reason::Service& service, const authn::Authenticator& authenticator,
                     const Clock& clock, FrontOptions options, rpc::Router& router);

// The routes of pemba.iam.v1.AccessService.
void AddAccessRoutes(access::Service& service, const authn::Authenticator& authenticator,
                     const Clock& clock, FrontOptions options, rpc::Router& router);

}  // namespace pemba::api::openfga
