// grpc.health.v1.Health, GET /healthz and GET /livez. Open to everyone: probes have no credential.
//
// Alive (/livez): the process answers. Ready: it can answer questions, which it does from memory
// whatever the disk or the database do; if a server that cannot write were taken out of service,
// nobody could ask any more. Beside it the service "pemba.v1.Writes": it accepts writes, too.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "pemba/base/result.h"
#include "pemba/rpc/router.h"

namespace pemba::api {

struct HealthOptions {
  // Names that are known beside "" (the server as a whole).
  std::vector<std::string> services;
  // Whether writes are accepted: an error means "not serving". Must not block. Empty: always.
  std::function<Status()> writes;
  std::map<std::string, std::function<Status()>> parts = {};  // Likewise, of services like that.
  std::function<void()> on_call;  // Told of every question. May be empty.
};

// Watch is UNIMPLEMENTED: probes poll.
void AddHealthRoutes(HealthOptions options, rpc::Router& router);

}  // namespace pemba::api
