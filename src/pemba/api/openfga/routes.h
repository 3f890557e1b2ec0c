// Routes: the relationship service and AuthZEN on gRPC and HTTP.
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
#include <string_view>

#include "pemba/api/authn/authenticator.h"
#include "pemba/api/openfga/service.h"
#include "pemba/rpc/router.h"

namespace pemba::api::authzen {
class Service;
}

namespace pemba::api::openfga {

// What happened in one call, for logs. Views live during the callback.
struct CallReport {
  std::string_view service;  // "openfga.v1.OpenFGAService"
  std::string_view rpc;      // "Check"
  std::string_view request_id;
  std::string_view store_id;
  std::string_view model_id;
  std::uint32_t grpc_code = 0;
  const Error* error = nullptr;  // With the cause that the caller does not see; null: success.
  std::chrono::nanoseconds duration{0};
};

struct FrontOptions {
  std::chrono::milliseconds request_timeout{3000};  // Zero: none but the caller's.
  // Told of every call that got as far as the field rules, on the thread that answered it. Empty:
  // calls are not even timed.
  std::function<void(const CallReport&)> on_call;
};

// Borrows service, authenticator and clock, which must outlive the router.
void AddRoutes(Service& service, const authn::Authenticator& authenticator, const Clock& clock,
               FrontOptions options, rpc::Router& router);

// Likewise. With a default store, AuthZEN's own paths (/access/v1/...), which name no store, are
// served as well.
void AddAuthzenRoutes(authzen::Service& service, const authn::Authenticator& authenticator,
                      const Clock& clock, FrontOptions options, const std::string& default_store_id,
                      rpc::Router& router);

}  // namespace pemba::api::openfga
