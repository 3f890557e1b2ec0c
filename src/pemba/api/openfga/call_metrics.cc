#include "pemba/api/openfga/call_metrics.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <string>

#include <google/protobuf/descriptor.h>
#include <openfga/v1/errors_ignore.pb.h>

#include "pemba/api/errors.h"

namespace pemba::api::openfga {
namespace {

using telemetry::Counter;
using telemetry::Histogram;
using telemetry::Labels;
using telemetry::MetricKind;
using telemetry::Registry;
using telemetry::Show;

constexpr const char* kService = "openfga.v1.OpenFGAService";
constexpr std::string_view kStreamed = "StreamedListObjects";

constexpr const char* kGrpcCodeNames[] = {
    "OK",       "Canceled",       "Unknown",          "InvalidArgument",   "DeadlineExceeded",
    "NotFound", "AlreadyExists",  "PermissionDenied", "ResourceExhausted", "FailedPrecondition",
    "Aborted",  "OutOfRange",     "Unimplemented",    "Internal",          "Unavailable",
    "DataLoss", "Unauthenticated"};

// Every number that a call can fail with, ascending: gRPC's own and the wire contract's.
const std::vector<std::uint32_t>& FailureCodes() {
  static const std::vector<std::uint32_t> codes = [] {
    std::vector<std::uint32_t> out;
    for (std::uint32_t code = 1; code < std::size(kGrpcCodeNames); ++code) out.push_back(code);
    const auto* file = wire::ErrorCode_descriptor()->file();
    for (int i = 0; i < file->enum_type_count(); ++i) {
      const auto* type = file->enum_type(i);
      for (int j = 0; j < type->value_count(); ++j) {
        const auto number = static_cast<std::uint32_t>(type->value(j)->number());
        if (number >= 1000) out.push_back(number);
      }
    }
    std::sort(out.begin(), out.end());
    out.erase(std::unique(out.begin(), out.end()), out.end());
    return out;
  }();
  return codes;
}

std::string CodeText(std::uint32_t code) {
  if (code < std::size(kGrpcCodeNames)) return kGrpcCodeNames[code];
  return "Code(" + std::to_string(code) + ")";
}

std::string Lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

std::string BucketLabel(const std::vector<std::uint32_t>& buckets) {
  return buckets.empty() ? "+Inf"
                         : std::to_string(*std::min_element(buckets.begin(), buckets.end()));
}

telemetry::Buckets RequestMilliseconds() {
  return telemetry::Milliseconds({1, 5, 10, 25, 50, 80, 100, 150, 200, 300, 1000, 2000, 5000});
}
telemetry::Buckets CountBuckets() {
  return {.bounds = {1, 5, 20, 50, 100, 150, 225, 400, 500, 750, 1000}, .scale = 1};
}
telemetry::Buckets CheckSeconds() {
  return telemetry::Seconds(
      {1e-6, 2e-6, 5e-6, 1e-5, 2e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 1e-2, 1e-1, 1});
}

telemetry::Buckets ConditionCost() {
  telemetry::Buckets buckets{.bounds = {}, .scale = 1.0 / condition::kCostScale};
  for (std::uint64_t bound = 0; bound <= 9; ++bound) buckets.bounds.push_back(bound * 100);
  return buckets;
}

// Queries are timed from the moment that they have a model; others only failed.
bool WasEvaluated(const CallReport& report) { return !report.model_id.empty(); }

constexpr std::size_t kConsistencies = 3;  // UNSPECIFIED, MINIMIZE_LATENCY, HIGHER_CONSISTENCY.

std::size_t ConsistencyIndex(wire::ConsistencyPreference consistency) {
  switch (consistency) {
    case wire::MINIMIZE_LATENCY:
      return 1;
    case wire::HIGHER_CONSISTENCY:
      return 2;
    default:
      return 0;
  }
}

// Of a query RPC, by consistency.
class QueryMetrics {
 public:
  QueryMetrics(Registry& registry, std::string_view rpc, const std::string& name,
               const CallMetricsOptions& options) {
    const auto method = Lower(rpc);
    constexpr const char* kNames[kConsistencies] = {"UNSPECIFIED", "MINIMIZE_LATENCY",
                                                    "HIGHER_CONSISTENCY"};
    for (std::size_t i = 0; i < kConsistencies; ++i) {
      duration_[i] = &registry.AddHistogram(
          "openfga_request_duration_ms", "Duration of queries in milliseconds.",
          RequestMilliseconds(),
          {{"grpc_service", kService},
           {"grpc_method", method},
           {"datastore_query_count", BucketLabel(options.datastore_query_count_buckets)},
           {"dispatch_count", BucketLabel(options.dispatch_count_buckets)},
           {"consistency", kNames[i]}},
          Show::kWhenCounted);
    }
    const Labels labels{{"grpc_service", kService}, {"grpc_method", method}};
    queries_ =
        &registry.AddHistogram("pemba_" + name + "_duration_seconds",
                               "Duration of " + std::string(rpc) + " in seconds.", CheckSeconds());
    // Queries run on memory: each of them needs the datastore zero times and dispatches nothing.
    registry.AddZeros("openfga_dispatch_count", "Dispatches of a query: always 0, see the manual.",
                      CountBuckets(), labels, *queries_);
    registry.AddZeros("openfga_datastore_query_count",
                      "Datastore reads of a query: always 0, see the manual.", CountBuckets(),
                      labels, *queries_);
    registry.AddZeros("openfga_datastore_item_count",
                      "Items that a query read from the datastore: always 0, see the manual.",
                      CountBuckets(), labels, *queries_);
    for (const char* type : {"datastore", "dispatch"}) {
      auto throttled = labels;
      throttled.emplace_back("throttling_type", type);
      registry.AddCounter("openfga_throttled_requests_count",
                          "Throttled requests: always 0, Pemba has no throttle.",
                          std::move(throttled));
    }
  }

  void Observe(wire::ConsistencyPreference consistency, std::chrono::nanoseconds duration) {
    const auto nanoseconds = static_cast<std::uint64_t>(duration.count());
    duration_[ConsistencyIndex(consistency)]->Observe(nanoseconds);
    queries_->Observe(nanoseconds);
  }

 private:
  std::array<Histogram*, kConsistencies> duration_;
  Histogram* queries_;
};

Labels RpcLabels(std::string_view service, std::string_view rpc) {
  return {{"grpc_type", IsStream(rpc) ? "server_stream" : "unary"},
          {"grpc_service", std::string(service)},
          {"grpc_method", std::string(rpc)}};
}

Counter& AddHandled(Registry& registry, std::string_view service, std::string_view rpc,
                    std::uint32_t code) {
  auto labels = RpcLabels(service, rpc);
  labels.emplace_back("grpc_code", CodeText(code));
  return registry.AddCounter("grpc_server_handled_total",
                             "RPCs that were answered, whatever the answer.", std::move(labels),
                             code == grpc_code::kOk ? Show::kAlways : Show::kWhenCounted);
}

}  // namespace

RpcMetrics::RpcMetrics(Registry& registry, std::string_view service, std::string_view rpc,
                       bool histograms)
    : started_(registry.AddCounter("grpc_server_started_total", "RPCs that were begun.",
                                   RpcLabels(service, rpc))),
      succeeded_(AddHandled(registry, service, rpc, grpc_code::kOk)) {
  for (const auto code : FailureCodes()) {
    failed_.push_back(&AddHandled(registry, service, rpc, code));
  }
  // One request message per call; one response message per success, but for streams.
  registry.AddAlias("grpc_server_msg_received_total", "Request messages.", RpcLabels(service, rpc),
                    started_);
  constexpr const char* kSent = "grpc_server_msg_sent_total";
  if (IsStream(rpc)) {
    streamed_ = &registry.AddCounter(kSent, "Response messages.", RpcLabels(service, rpc));
  } else {
    registry.AddAlias(kSent, "Response messages.", RpcLabels(service, rpc), succeeded_);
  }
  if (histograms) {
    handling_ = &registry.AddHistogram(
        "grpc_server_handling_seconds", "Duration of RPCs in seconds.",
        telemetry::Seconds({0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10}),
        RpcLabels(service, rpc));
  }
}

void RpcMetrics::Finished(std::uint32_t code, std::chrono::nanoseconds duration) {
  if (code == grpc_code::kOk) {
    succeeded_.Add();
  } else {
    const auto& codes = FailureCodes();
    const auto found = std::lower_bound(codes.begin(), codes.end(), code);
    const bool known = found != codes.end() && *found == code;
    const auto index = known ? static_cast<std::size_t>(found - codes.begin())
                             : std::size_t{grpc_code::kUnknown} - 1;
    failed_[index]->Add();
  }
  if (handling_ != nullptr) handling_->Observe(static_cast<std::uint64_t>(duration.count()));
}

struct CallMetrics::Handles {
  Handles(Registry& to, const CallMetricsOptions& options)
      : registry(to),
        rpc_histograms(options.rpc_histograms),
        check(registry, "Check", "check", options),
        batch_check(registry, "BatchCheck", "batch_check", options),
        list_objects(registry, "ListObjects", "list_objects", options),
        streamed_list_objects(registry, kStreamed, "streamed_list_objects", options),
        list_users(registry, "ListUsers", "list_users", options),
        check_duration(registry.AddHistogram(
            "openfga_check_duration_ms", "Duration of Check in milliseconds.",
            RequestMilliseconds(),
            {{"datastore_query_count", BucketLabel(options.datastore_query_count_buckets)},
             {"caller", "check"}})),
        allowed(AddCheckResult(registry, "true")),
        denied(AddCheckResult(registry, "false")),
        batch_allowed(AddBatchResult(registry, "allowed")),
        batch_denied(AddBatchResult(registry, "denied")),
        batch_undecided(AddBatchResult(registry, "undecided")),
        written(AddTuples(registry, "write")),
        deleted(AddTuples(registry, "delete")),
        lists(registry.AddCounter("openfga_list_objects_optimization_count",
                                  "Lists of objects, by how they were found: there is one way.",
                                  {{"strategy", "weighted"}})),
        lists_confirmed(registry.AddCounter(
            "openfga_list_objects_further_eval_required_count",
            "Candidates of lists of objects that Check had to be asked about.")),
        lists_certain(registry.AddCounter("openfga_list_objects_no_further_eval_required_count",
                                          "Answers of lists of objects that were found as such.")),
        condition_compilation(
            registry.AddHistogram("openfga_condition_compilation_duration_ms",
                                  "Duration of the compilation of one condition in milliseconds.",
                                  telemetry::Milliseconds({1, 5, 15, 50, 100, 250, 500, 1000}))),
        condition_evaluation(registry.AddHistogram(
            "openfga_condition_evaluation_duration_ms",
            "Duration of the evaluation of one condition in milliseconds; one in " +
                std::to_string(condition::kEvaluationsPerTiming) +
                " is measured and stands for the others.",
            telemetry::Milliseconds({0.1, 0.25, 0.5, 1, 5, 15, 50, 100, 250, 500}))),
        condition_cost(registry.AddHistogram("openfga_condition_evaluation_cost",
                                             "Cost of the evaluation of one condition.",
                                             ConditionCost())) {
    if (options.access_control) {
      access_control_checks = &registry.AddHistogram(
          "openfga_access_control_store_check_request_duration_ms",
          "Duration of the Checks that decide who may call, in milliseconds.",
          RequestMilliseconds(),
          {{"datastore_query_count", BucketLabel(options.datastore_query_count_buckets)},
           {"dispatch_count", BucketLabel(options.dispatch_count_buckets)},
           {"consistency", "UNSPECIFIED"}});
    }
    const char* authorized = options.access_control ? "true" : "false";
    for (std::size_t duplicate = 0; duplicate < 2; ++duplicate) {
      for (std::size_t missing = 0; missing < 2; ++missing) {
        constexpr const char* kWays[2] = {"error", "ignore"};
        write_duration[duplicate][missing] =
            &registry.AddHistogram("openfga_write_duration_ms",
                                   "Duration of Write in milliseconds.", RequestMilliseconds(),
                                   {{"require_authorize_check", authorized},
                                    {"on_duplicate_write", kWays[duplicate]},
                                    {"on_missing_delete", kWays[missing]}},
                                   Show::kWhenCounted);
      }
    }
    for (const char* name :
         {"openfga_check_cache_total_count", "openfga_check_cache_hit_count",
          "openfga_check_cache_invalid_hit_count", "openfga_cachecontroller_cache_total_count",
          "openfga_cachecontroller_cache_hit_count",
          "openfga_cachecontroller_cache_invalidation_count"}) {
      registry.AddCounter(name, "Always 0: Pemba has no cache of decisions.");
    }
  }

  static Counter& AddCheckResult(Registry& to, const char* allowed) {
    return to.AddCounter("openfga_check_result_count", "Decisions of Check.",
                         {{"allowed", allowed}});
  }
  static Counter& AddBatchResult(Registry& to, const char* decision) {
    return to.AddCounter("pemba_batch_check_results_total", "Results of BatchCheck's items.",
                         {{"decision", decision}});
  }
  static Counter& AddTuples(Registry& to, const char* operation) {
    return to.AddCounter("pemba_tuples_written_total",
                         "Tuples in successful Writes, those that changed nothing included.",
                         {{"operation", operation}});
  }

  Registry& registry;
  const bool rpc_histograms;
  std::map<std::string, RpcMetrics> rpcs;  // By full method.
  QueryMetrics check, batch_check, list_objects, streamed_list_objects, list_users;
  Histogram& check_duration;
  Counter &allowed, &denied;
  Counter &batch_allowed, &batch_denied, &batch_undecided;
  std::array<std::array<Histogram*, 2>, 2> write_duration{};
  Counter &written, &deleted;
  Counter &lists, &lists_confirmed, &lists_certain;
  Histogram &condition_compilation, &condition_evaluation, &condition_cost;
  Histogram* access_control_checks = nullptr;
};

CallMetrics::CallMetrics(Registry& registry, const CallMetricsOptions& options)
    : handles_(std::make_unique<Handles>(registry, options)) {}
CallMetrics::~CallMetrics() = default;

RpcMetrics& CallMetrics::Of(std::string_view service, std::string_view rpc) {
  const auto method = std::string(service) + "/" + std::string(rpc);
  return handles_->rpcs
      .try_emplace(method, handles_->registry, service, rpc, handles_->rpc_histograms)
      .first->second;
}

condition::ProgramMetrics CallMetrics::conditions() const {
  return {.compilation = &handles_->condition_compilation,
          .evaluation = &handles_->condition_evaluation,
          .cost = &handles_->condition_cost};
}

telemetry::Histogram* CallMetrics::access_control_checks() const {
  return handles_->access_control_checks;
}

void CallMetrics::ObserveList(const CallReport& report) {
  handles_->lists.Add();
  if (report.list_confirmed > 0) {
    handles_->lists_confirmed.Add(report.list_confirmed);
  } else {
    handles_->lists_certain.Add(report.list_found);
  }
}

void CallMetrics::ObserveCheck(wire::ConsistencyPreference consistency, bool allowed,
                               const CallReport& report) {
  if (!WasEvaluated(report)) return;
  handles_->check.Observe(consistency, report.duration);
  handles_->check_duration.Observe(static_cast<std::uint64_t>(report.duration.count()));
  if (report.error == nullptr) (allowed ? handles_->allowed : handles_->denied).Add();
}

void CallMetrics::Observe(const wire::BatchCheckRequest& request,
                          const wire::BatchCheckResponse& response, const CallReport& report) {
  if (!WasEvaluated(report)) return;
  handles_->batch_check.Observe(request.consistency(), report.duration);
  if (report.error != nullptr) return;
  for (const auto& [id, result] : response.result()) {
    auto& counter = result.has_error() ? handles_->batch_undecided
                    : result.allowed() ? handles_->batch_allowed
                                       : handles_->batch_denied;
    counter.Add();
  }
}

void CallMetrics::Observe(const wire::ListObjectsRequest& request, const wire::ListObjectsResponse&,
                          const CallReport& report) {
  if (!WasEvaluated(report)) return;
  handles_->list_objects.Observe(request.consistency(), report.duration);
  ObserveList(report);
}

void CallMetrics::Observe(const wire::StreamedListObjectsRequest& request,
                          const wire::StreamedListObjectsResponse&, const CallReport& report) {
  if (!WasEvaluated(report)) return;
  handles_->streamed_list_objects.Observe(request.consistency(), report.duration);
  ObserveList(report);
}

void CallMetrics::Observe(const wire::ListUsersRequest& request, const wire::ListUsersResponse&,
                          const CallReport& report) {
  if (WasEvaluated(report)) handles_->list_users.Observe(request.consistency(), report.duration);
}

void CallMetrics::ObserveWrite(const WriteSize& write, const CallReport& report) {
  if (report.error != nullptr) return;
  const std::size_t duplicate = write.on_duplicate == "ignore" ? 1 : 0;
  const std::size_t missing = write.on_missing == "ignore" ? 1 : 0;
  handles_->write_duration[duplicate][missing]->Observe(
      static_cast<std::uint64_t>(report.duration.count()));
  handles_->written.Add(write.writes);
  handles_->deleted.Add(write.deletes);
}

void CallMetrics::Observe(const ::pemba::v1::WriteTuplesRequest& request,
                          const ::pemba::v1::WriteTuplesResponse& response,
                          const CallReport& report) {
  if (report.error != nullptr || request.dry_run()) return;
  handles_->written.Add(response.written());
  handles_->deleted.Add(response.deleted());
}

}  // namespace pemba::api::openfga
