// The gate: the one place where routes of every protocol ask who calls.
#pragma once

#include "pemba/api/authn/authenticator.h"
#include "pemba/rpc/router.h"

namespace pemba::api::authn {

// For Router::Intercept: the router runs a handler only for callers whom `authenticator` lets in. A
// route that says nothing is closed; `Admission::kNever` opens it, with `Admission::kWithin` the
// handler asks `authenticator` itself (the wire contract has unary calls check their fields first),
// and the services refuse whoever was not asked for. `authenticator` must outlive the router.
rpc::Interceptor GuardRoutes(const Authenticator& authenticator);

// Ends the call with `error` in the form of its protocol.
void Refuse(const Error& error, rpc::Requests requests, rpc::Call& call);

}  // namespace pemba::api::authn
