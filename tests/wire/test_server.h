// A server of its own for one test: memory datastore, free ports on loopback.
#pragma once

#include <memory>
#include <stdexcept>

#include "pemba/base/clock.h"
#include "pemba/server/server.h"

namespace pemba::wire_test {

inline const SystemClock& TestClock() {
  static const SystemClock clock;
  return clock;
}

inline server::LoadedConfig TestConfig() {
  server::LoadedConfig loaded;
  loaded.config.grpc.address = "127.0.0.1:0";
  loaded.config.http.address = "127.0.0.1:0";
  loaded.config.metrics.enabled = false;
  loaded.config.datastore_engine = server::DatastoreEngine::kMemory;
  loaded.config.io_threads = 2;
  loaded.config.worker_threads = 2;
  loaded.config.log_level = server::LogLevel::kNone;
  return loaded;
}

inline std::unique_ptr<server::Server> StartTestServer(
    const server::LoadedConfig& loaded = TestConfig()) {
  auto server = server::Server::Start(loaded, TestClock());
  if (!server.ok()) throw std::runtime_error(server.error().message);
  return *std::move(server);
}

}  // namespace pemba::wire_test
