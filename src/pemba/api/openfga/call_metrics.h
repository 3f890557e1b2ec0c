// CallMetrics: what is counted about calls of the relationship service and of AuthZEN.
//
// Names and labels are those of the server that Pemba replaces, so that its dashboards and alerts
// go on working, and `pemba_*` for what it has no name for. docs/telemetry.md lists them.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include <openfga/v1/openfga_service.pb.h>
#include <pemba/v1/pemba_service.pb.h>

#include "pemba/api/openfga/call_report.h"
#include "pemba/condition/program.h"
#include "pemba/telemetry/metrics.h"

namespace pemba::api::openfga {

namespace wire = ::openfga::v1;

struct CallMetricsOptions {
  bool rpc_histograms = false;  // grpc_server_handling_seconds too.
  // Label values of openfga_request_duration_ms are the smallest of these that is not below the
  // count. Pemba asks no datastore and dispatches nothing during a query, so it is the first.
  std::vector<std::uint32_t> datastore_query_count_buckets = {50, 200};
  std::vector<std::uint32_t> dispatch_count_buckets = {50, 200};
  bool access_control = false;  // A Write has to be authorized by a Check.
};

// Of one RPC: the counts that every gRPC server keeps. Thread-safe.
class RpcMetrics {
 public:
  RpcMetrics(telemetry::Registry& registry, std::string_view service, std::string_view rpc,
             bool histograms);

  void Started() { started_.Add(); }
  void Finished(std::uint32_t code, std::chrono::nanoseconds duration);
  void Streamed(std::uint64_t messages) {  // Of a server stream.
    if (streamed_ != nullptr) streamed_->Add(messages);
  }

 private:
  telemetry::Counter& started_;
  telemetry::Counter& succeeded_;
  std::vector<telemetry::Counter*> failed_;  // By position in the table of codes.
  telemetry::Counter* streamed_ = nullptr;   // Null: unary.
  telemetry::Histogram* handling_ = nullptr;
};

// Thread-safe. The registry must outlive it.
class CallMetrics {
 public:
  explicit CallMetrics(telemetry::Registry& registry, const CallMetricsOptions& options = {});
  ~CallMetrics();
  CallMetrics(const CallMetrics&) = delete;
  CallMetrics& operator=(const CallMetrics&) = delete;

  // The counts of an RPC ("openfga.v1.OpenFGAService", "Check"), made at the first asking. Before
  // the server starts; not thread-safe.
  RpcMetrics& Of(std::string_view service, std::string_view rpc);

  // For those who count these themselves.
  condition::ProgramMetrics conditions() const;
  telemetry::Histogram* access_control_checks() const;  // Null: there is no access control.

  // What is counted of single RPCs, once the call has its answer.
  void ObserveCheck(wire::ConsistencyPreference consistency, bool allowed,
                    const CallReport& report);
  void Observe(const wire::CheckRequest& request, const wire::CheckResponse& response,
               const CallReport& report) {
    ObserveCheck(request.consistency(), response.allowed(), report);
  }
  void Observe(const wire::BatchCheckRequest& request, const wire::BatchCheckResponse& response,
               const CallReport& report);
  void Observe(const wire::ListObjectsRequest& request, const wire::ListObjectsResponse& response,
               const CallReport& report);
  void Observe(const wire::StreamedListObjectsRequest& request,
               const wire::StreamedListObjectsResponse& response, const CallReport& report);
  void Observe(const wire::ListUsersRequest& request, const wire::ListUsersResponse& response,
               const CallReport& report);
  struct WriteSize {
    std::string_view on_duplicate = {}, on_missing = {};
    std::size_t writes = 0, deletes = 0;
  };
  void ObserveWrite(const WriteSize& write, const CallReport& report);
  void Observe(const wire::WriteRequest& request, const wire::WriteResponse&,
               const CallReport& report) {
    ObserveWrite({.on_duplicate = request.writes().on_duplicate(),
                  .on_missing = request.deletes().on_missing(),
                  .writes = static_cast<std::size_t>(request.writes().tuple_keys_size()),
                  .deletes = static_cast<std::size_t>(request.deletes().tuple_keys_size())},
                 report);
  }
  void Observe(const ::pemba::v1::WriteTuplesRequest& request,
               const ::pemba::v1::WriteTuplesResponse& response, const CallReport& report);
  template <class Request, class Response>
  void Observe(const Request&, const Response&, const CallReport&) {}  // Nothing of their own.

 private:
  struct Handles;
  void ObserveList(const CallReport& report);

  const std::unique_ptr<Handles> handles_;
};

}  // namespace pemba::api::openfga
