#include "pemba/server/metrics.h"

#include <utility>

#include "pemba/telemetry/process_readings.h"

namespace pemba::server {
namespace {

using telemetry::MetricKind;
using telemetry::Reading;
using telemetry::Registry;

Reading& AddGauge(Registry& registry, std::string_view name, std::string_view help,
                  telemetry::Labels labels = {}) {
  return registry.AddReading(MetricKind::kGauge, name, help, std::move(labels));
}

double Number(std::uint64_t value) { return static_cast<double>(value); }

std::unique_ptr<api::openfga::CallMetrics> NewCallMetrics(Registry* registry,
                                                          const ServerConfig& config) {
  if (registry == nullptr) return nullptr;
  api::openfga::CallMetricsOptions options;
  options.rpc_histograms = config.metrics.rpc_histograms;
  options.datastore_query_count_buckets = config.metrics.datastore_query_count_buckets;
  options.dispatch_count_buckets = config.metrics.dispatch_count_buckets;
  options.access_control = config.access_control.on();
  return std::make_unique<api::openfga::CallMetrics>(*registry, options);
}

}  // namespace

ServerMetrics::ServerMetrics(const ServerConfig& config)
    : listen_address_(config.metrics.address),
      registry_(config.metrics.enabled ? std::make_unique<Registry>() : nullptr),
      calls_(NewCallMetrics(registry_.get(), config)) {
  if (!registry_) return;
  telemetry::AddProcessReadings(*registry_);
  log_sync_ = &registry_->AddHistogram(
      "pemba_log_sync_seconds", "Duration of synced appends to the embedded log, in seconds.",
      telemetry::Seconds({1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 0.1, 1}));
}

ServerMetrics::~ServerMetrics() { Stop(); }

std::function<void(std::chrono::nanoseconds)> ServerMetrics::on_sync() const {
  if (log_sync_ == nullptr) return nullptr;
  return [sync = log_sync_](std::chrono::nanoseconds duration) {
    sync->Observe(static_cast<std::uint64_t>(duration.count()));
  };
}

void ServerMetrics::WatchStores(const store::Stores& stores) {
  constexpr const char* kBytes = "pemba_graph_bytes";
  constexpr const char* kBytesHelp = "Memory of the graphs of all loaded stores, by use.";
  auto& loaded = AddGauge(*registry_, "pemba_stores_loaded", "Stores that are in memory.");
  auto& unloaded = registry_->AddReading(MetricKind::kCounter, "pemba_stores_unloaded_total",
                                         "Stores that were unloaded to make room.");
  auto& budget = AddGauge(*registry_, "pemba_memory_budget_bytes",
                          "Memory that the graphs of all stores may take together; 0: no limit.");
  auto& held = AddGauge(*registry_, "pemba_memory_budget_used_bytes",
                        "What the graphs of all loaded stores hold of the memory budget.");
  auto& tuples = AddGauge(*registry_, "pemba_tuples", "Tuples of all loaded stores.");
  auto& revisions = registry_->AddReading(MetricKind::kCounter, "pemba_revisions_total",
                                          "Sum of the revisions of all loaded stores.");
  auto& dictionaries = AddGauge(*registry_, kBytes, kBytesHelp, {{"use", "dictionaries"}});
  auto& base = AddGauge(*registry_, kBytes, kBytesHelp, {{"use", "base"}});
  auto& delta = AddGauge(*registry_, kBytes, kBytesHelp, {{"use", "delta"}});
  auto& writes = AddGauge(*registry_, kBytes, kBytesHelp, {{"use", "writes"}});
  auto& retired = AddGauge(*registry_, kBytes, kBytesHelp, {{"use", "retired"}});
  registry_->OnScrape([&] {
    const auto totals = stores.Totals();
    loaded.Set(Number(totals.stores));
    const auto memory = stores.memory();
    unloaded.Set(Number(memory.unloaded));
    budget.Set(Number(memory.bytes_max));
    held.Set(Number(memory.bytes));
    tuples.Set(Number(totals.tuples));
    revisions.Set(Number(totals.revisions));
    dictionaries.Set(Number(totals.memory.dictionaries));
    base.Set(Number(totals.memory.base));
    delta.Set(Number(totals.memory.delta));
    writes.Set(Number(totals.memory.writes));
    retired.Set(Number(totals.memory.retired));
  });
  if (!stores.following()) return;
  auto& silent = AddGauge(*registry_, "pemba_datastore_silent_seconds",
                          "How old what this server reads may be: since it last saw all that other "
                          "servers had written.");
  auto& behind =
      AddGauge(*registry_, "pemba_writes_behind",
               "Writes of other servers that the store furthest behind has to catch up.");
  registry_->OnScrape([&] {
    const auto following = *stores.following();
    silent.Set(std::chrono::duration<double>(following.silent_for).count());
    behind.Set(Number(following.writes_behind));
  });
}

void ServerMetrics::WatchTransport(const rpc::Server& transport) {
  auto& connections =
      AddGauge(*registry_, "pemba_open_connections", "Connections to the gRPC and HTTP listeners.");
  auto& waiting = AddGauge(*registry_, "pemba_waiting_calls", "Calls that wait for a worker.");
  registry_->OnScrape([&] {
    const auto load = transport.load();
    connections.Set(Number(load.connections));
    waiting.Set(Number(load.waiting_calls));
  });
}

void ServerMetrics::WatchLogs(const telemetry::Log& log, const DecisionLog* decisions,
                              const telemetry::OtlpExporter* traces) {
  if (!registry_) return;
  const auto add = [&](std::string_view name, std::string_view help) -> Reading& {
    return registry_->AddReading(MetricKind::kCounter, name, help);
  };
  auto& lines = add("pemba_log_lines_dropped_total", "Log lines that found the queue full.");
  registry_->OnScrape([&lines, &log] { lines.Set(Number(log.dropped())); });
  if (decisions != nullptr) {
    auto& dropped = add("pemba_decision_log_lines_dropped_total",
                        "Decisions that found the queue of their log full.");
    registry_->OnScrape([&dropped, decisions] { dropped.Set(Number(decisions->dropped())); });
  }
  if (traces != nullptr) {
    auto& dropped = add("pemba_spans_dropped_total",
                        "Spans that found the queue full or that the collector did not take.");
    registry_->OnScrape([&dropped, traces] { dropped.Set(Number(traces->dropped())); });
  }
}

Status ServerMetrics::Serve(const store::Stores& stores, const rpc::Server& transport) {
  if (!registry_) return Done{};
  WatchStores(stores);
  WatchTransport(transport);
  router_.Add({.grpc_method = "",
               .http_method = "GET",
               .http_pattern = "/metrics",
               .execution = rpc::Execution::kWorker,
               .handler = [this](rpc::Call& call) {
                 call.FinishHttp(200, telemetry::kMetricsContentType, registry_->Scrape());
               }});
  rpc::ServerOptions options;
  options.listeners = {{.address = listen_address_, .tls = std::nullopt}};
  options.io_threads = 1;
  options.worker_threads = 1;
  options.connections_max = 100;
  auto listener = std::make_unique<rpc::Server>(std::move(options), router_);
  PEMBA_TRY(std::ignore, listener->Start());
  listener_ = std::move(listener);
  address_ = listener_->addresses().front();
  return Done{};
}

void ServerMetrics::Stop() {
  if (listener_) listener_->Shutdown(std::chrono::milliseconds(0));
  listener_.reset();
}

}  // namespace pemba::server
