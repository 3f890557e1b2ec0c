// grpc.health.v1.Health and GET /healthz. Open to everyone: probes have no credential.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "pemba/base/result.h"
#include "pemba/rpc/router.h"

namespace pemba::api {

struct HealthOptions {
  // Names that are known beside "" (the server as a whole).
  std::vector<std::string> services;
  // Whether the server can do its work: an error means "not serving". Must not block.
  std::function<Status()> ready;
  std::function<void()> on_call;  // Told of every question. May be empty.
};

// Watch is UNIMPLEMENTED: probes poll.
void AddHealthRoutes(HealthOptions options, rpc::Router& router);

}  // namespace pemba::api
