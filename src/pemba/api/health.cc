#include "pemba/api/health.h"

#include <algorithm>
#include <memory>
#include <string_view>
#include <utility>

#include <grpc/health/v1/health.pb.h>

#include "pemba/api/call_text.h"
#include "pemba/api/errors.h"

namespace pemba::api {
namespace {

namespace wire = ::grpc::health::v1;

rpc::GrpcStatus UnknownService(const std::string& service) {
  return {grpc_code::kNotFound,
          "service '" + service + "' is not registered with the Health server"};
}

constexpr const char* kWritesService = "pemba.v1.Writes";

Status Ask(const HealthOptions& options, const std::string& service) {
  const auto part = options.parts.find(service);
  if (part != options.parts.end()) return part->second();
  return service == kWritesService && options.writes ? options.writes() : Status(Done{});
}

bool IsKnown(const HealthOptions& options, const std::string& service) {
  return service.empty() || service == kWritesService || options.parts.contains(service) ||
         std::find(options.services.begin(), options.services.end(), service) !=
             options.services.end();
}

void AnswerGrpc(const HealthOptions& options, rpc::Call& call) {
  if (options.on_call) options.on_call();
  wire::HealthCheckRequest request;
  const auto bytes = call.body();
  if (!request.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return call.FinishGrpc({grpc_code::kInternal, "the message is not a HealthCheckRequest"}, {});
  }
  if (!IsKnown(options, request.service())) {
    return call.FinishGrpc(UnknownService(request.service()), {});
  }
  wire::HealthCheckResponse response;
  response.set_status(Ask(options, request.service()).ok()
                          ? wire::HealthCheckResponse::SERVING
                          : wire::HealthCheckResponse::NOT_SERVING);
  call.FinishGrpc({}, response.SerializeAsString());
}

void AnswerHttp(const HealthOptions& options, rpc::Call& call) {
  if (options.on_call) options.on_call();
  constexpr std::string_view kJsonType = "application/json";
  const auto fail = [&](const HttpError& error) {
    call.FinishHttp(error.status, kJsonType, error.Body());
  };
  const auto parameters = ParseQuery(call.query());
  if (!parameters.ok()) return fail(ToHttp(parameters.error()));
  std::string service;
  for (const auto& [name, value] : *parameters) {
    if (name == "service") service = value;
  }
  if (!IsKnown(options, service)) return fail(ToHttp(UnknownService(service)));
  if (!Ask(options, service).ok()) {
    return fail(ToHttp(rpc::GrpcStatus{grpc_code::kUnavailable, "NOT_SERVING"}));
  }
  call.FinishHttp(200, kJsonType, R"({"status":"SERVING"})");
}

}  // namespace

void AddHealthRoutes(HealthOptions options, rpc::Router& router) {
  const auto shared = std::make_shared<const HealthOptions>(std::move(options));
  router.Add({.grpc_method = "/grpc.health.v1.Health/Check",
              .http_method = "",
              .http_pattern = "",
              .admission = rpc::Admission::kNever,
              .handler = [shared](rpc::Call& call) { AnswerGrpc(*shared, call); }});
  router.Add({.grpc_method = "/grpc.health.v1.Health/Watch",
              .http_method = "",
              .http_pattern = "",
              .admission = rpc::Admission::kNever,
              .handler = [](rpc::Call& call) {
                call.FinishGrpc({grpc_code::kUnimplemented, "method Watch not implemented"}, {});
              }});
  router.Add({.grpc_method = "",
              .http_method = "GET",
              .http_pattern = "/healthz",
              .admission = rpc::Admission::kNever,
              .handler = [shared](rpc::Call& call) { AnswerHttp(*shared, call); }});
  router.Add({.grpc_method = "",
              .http_method = "GET",
              .http_pattern = "/livez",
              .admission = rpc::Admission::kNever,
              .handler = [](rpc::Call& call) {
                call.FinishHttp(200, "application/json", R"({"status":"ALIVE"})");
              }});
}

}  // namespace pemba::api
