#include "pemba/api/authn/gate.h"

#include "pemba/api/errors.h"

namespace pemba::api::authn {

rpc::Interceptor GuardRoutes(const Authenticator& authenticator) {
  return [&authenticator](const rpc::Route& route) -> rpc::Handler {
    if (route.admission != rpc::Admission::kBefore) return route.handler;
    return [&authenticator, requests = route.requests, handler = route.handler](rpc::Call& call) {
      const auto caller = authenticator.Authenticate(call);
      if (!caller.ok()) return Refuse(caller.error(), requests, call);
      handler(call);
    };
  };
}

void Refuse(const Error& error, rpc::Requests requests, rpc::Call& call) {
  const auto status = ToGrpc(error);
  if (call.protocol() == rpc::Protocol::kHttp) {
    const auto http = ToHttp(status);
    return call.FinishHttp(http.status, "application/json", http.Body());
  }
  if (requests == rpc::Requests::kEach) return call.FinishStream(status);
  call.FinishGrpc(status, {});
}

}  // namespace pemba::api::authn
