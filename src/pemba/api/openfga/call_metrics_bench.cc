// What telling about a Check costs it: counting, one more reading of the clock, and with tracing on
// a trace id in place of a request id. Release build.
#include <benchmark/benchmark.h>

#include "pemba/api/call_text.h"
#include "pemba/api/openfga/call_metrics.h"
#include "pemba/base/clock.h"
#include "pemba/telemetry/trace.h"

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

void ReadTheClock(benchmark::State& state) {
  const SystemClock clock;
  for (auto _ : state) benchmark::DoNotOptimize(clock.Steady());
}
BENCHMARK(ReadTheClock);

void MakeARequestId(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(NewRequestId());
}
BENCHMARK(MakeARequestId);

void BeginATraceThatIsNotSampled(benchmark::State& state) {
  class Nowhere final : public telemetry::SpanQueue {
    void Push(telemetry::SpanData) override {}
  } queue;
  const SystemClock clock;
  const telemetry::Tracer tracer({.sampling = telemetry::Sampling::kAlwaysOff}, clock, queue);
  for (auto _ : state) {
    const auto begun = tracer.Begin("Check", {});
    benchmark::DoNotOptimize(telemetry::ToHex(begun.trace_id));
  }
}
BENCHMARK(BeginATraceThatIsNotSampled);

}  // namespace
}  // namespace pemba::api::openfga
