#include "pemba/api/fallbacks.h"

#include <string>
#include <string_view>

#include "pemba/api/errors.h"

namespace pemba::api {
namespace {

void FinishHttp(rpc::Call& call, const HttpError& error) {
  call.FinishHttp(error.status, "application/json", error.Body());
}

// "/package.Service/Method" -> "unknown method Method for service package.Service".
std::string UnknownMethodText(std::string_view path) {
  if (path.starts_with('/')) path.remove_prefix(1);
  const auto slash = path.rfind('/');
  if (slash == path.npos) return "malformed method name: \"/" + std::string(path) + "\"";
  return "unknown method " + std::string(path.substr(slash + 1)) + " for service " +
         std::string(path.substr(0, slash));
}

}  // namespace

rpc::Fallbacks WireFallbacks() {
  return {
      .unknown_path =
          [](rpc::Call& call) {
            FinishHttp(call, ToHttp(rpc::GrpcStatus{grpc_code::kNotFound, "Not Found"}));
          },
      .wrong_http_method =
          [](rpc::Call& call) {
            FinishHttp(call,
                       ToHttp(rpc::GrpcStatus{grpc_code::kUnimplemented, "Method Not Allowed"}));
          },
      .unknown_grpc_method =
          [](rpc::Call& call) {
            call.FinishGrpc({grpc_code::kUnimplemented, UnknownMethodText(call.path())}, {});
          },
      .http_refused = [](rpc::Call& call,
                         const rpc::GrpcStatus& status) { FinishHttp(call, ToHttp(status)); },
  };
}

}  // namespace pemba::api
