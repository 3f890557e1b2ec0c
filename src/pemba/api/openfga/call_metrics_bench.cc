// What counting costs one Check: everything that its front does with metrics, but for the two
// readings of the clock. Release build.
#include <benchmark/benchmark.h>

#include "pemba/api/openfga/call_metrics.h"
#include "pemba/base/clock.h"

namespace pemba::api::openfga {
namespace {

void CountACheck(benchmark::State& state) {
  static telemetry::Registry registry;
  static CallMetrics metrics(registry);
  RpcMetrics& rpc = metrics.Of("openfga.v1.OpenFGAService", "Check");
  wire::CheckRequest request;
  wire::CheckResponse response;
  response.set_allowed(true);
  CallReport report;
  report.model_id = "01HVMMBCMGZNT3SED4Z17ECXCA";
  report.duration = std::chrono::microseconds(3);
  for (auto _ : state) {
    rpc.Started();
    rpc.Finished(0, report.duration);
    metrics.Observe(request, response, report);
  }
}
BENCHMARK(CountACheck)->Threads(1)->Threads(2);

void ReadTheClockTwice(benchmark::State& state) {
  const SystemClock clock;
  for (auto _ : state) {
    const auto start = clock.Steady();
    benchmark::DoNotOptimize(clock.Steady() - start);
  }
}
BENCHMARK(ReadTheClockTwice);

}  // namespace
}  // namespace pemba::api::openfga
