// ServerMetrics: the registry of one server, what fills it, and the listener that shows it.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "pemba/api/openfga/call_metrics.h"
#include "pemba/base/result.h"
#include "pemba/rpc/server.h"
#include "pemba/server/config.h"
#include "pemba/server/decision_log.h"
#include "pemba/store/stores.h"
#include "pemba/telemetry/log.h"
#include "pemba/telemetry/metrics.h"
#include "pemba/telemetry/otlp_exporter.h"

namespace pemba::server {

// Switched off, it has no registry, counts nothing and serves nothing.
class ServerMetrics {
 public:
  explicit ServerMetrics(const ServerConfig& config);
  ~ServerMetrics();  // As Stop.
  ServerMetrics(const ServerMetrics&) = delete;
  ServerMetrics& operator=(const ServerMetrics&) = delete;

  telemetry::Registry* registry() { return registry_.get(); }     // Null: off.
  api::openfga::CallMetrics* calls() { return calls_.get(); }     // Null: off.
  std::function<void(std::chrono::nanoseconds)> on_sync() const;  // Empty: off.

  // Shows what logs and traces had to drop. They must live until Stop; pointers may be null.
  void WatchLogs(const telemetry::Log& log, const DecisionLog* decisions,
                 const telemetry::OtlpExporter* traces);
  // Answers GET /metrics, and nothing else, on a listener of its own. Stores and transport are read
  // at each scrape; they must live until Stop. Errors: those of rpc::Server::Start.
  Status Serve(const store::Stores& stores, const rpc::Server& transport);
  void Stop();
  const std::string& address() const { return address_; }  // Bound; empty before Serve or if off.

 private:
  void WatchStores(const store::Stores& stores);
  void WatchTransport(const rpc::Server& transport);

  const std::string listen_address_;
  const std::unique_ptr<telemetry::Registry> registry_;
  const std::unique_ptr<api::openfga::CallMetrics> calls_;
  telemetry::Histogram* log_sync_ = nullptr;
  rpc::Router router_;
  std::unique_ptr<rpc::Server> listener_;
  std::string address_;
};

}  // namespace pemba::server
